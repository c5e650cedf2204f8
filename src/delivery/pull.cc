#include "delivery/pull.h"

#include <algorithm>

#include "base/clock.h"
#include "base/hash_file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"

namespace scissionlite::delivery {
namespace {

constexpr double kLongestWaitUs = 5e6, kLookUs = 50e3, kWordUs = 1e6;

void wait_us(double us, const std::stop_token& stop) {
  for (const double end_us = Clock::steady().now_us() + us; !stop.stop_requested();) {
    const double left_us = end_us - Clock::steady().now_us();
    if (left_us <= 0) return;
    Clock::steady().sleep_us(std::min(left_us, kLookUs));
  }
}

class Pull {
 public:
  Pull(Source& source, Store& store, const Offer& offer, const PullOptions& options)
      : source_(source), store_(store), offer_(offer), options_(options), bar_("pull " + offer.name, store.begin(offer)) {}

  int64_t run() {
    for (const auto& file : offer_.files) {
      say_it_goes_on();
      if (!store_.has_whole(file)) fetch(file);
    }
    store_.install(offer_);
    return fetched_;
  }

 private:
  void say_it_goes_on() {
    const double now_us = Clock::steady().now_us();
    if (!options_.goes_on || now_us < word_due_us_) return;
    options_.goes_on();
    word_due_us_ = now_us + kWordUs;
  }

  void fetch(const PackageFile& file) {
    const bool was_begun = store_.partial_bytes(file) > 0;
    const auto given = fetch_rest(file);
    if (given == file.sha256) return store_.complete(file);
    store_.discard(file);
    if (was_begun) return fetch(file);  // what an earlier pull left may have been of no use
    throw Unusable("[delivery] " + source_.address() + " sent '" + file.path + "' of package '" + offer_.name + "' with sha256 " + given +
                   ", but lists " + file.sha256 + "; nothing of it was used");
  }

  /// @return the hash of the whole file.
  std::string fetch_rest(const PackageFile& file) {
    if (store_.partial_bytes(file) > file.size_bytes) store_.discard(file);
    if (file.size_bytes == 0) store_.append(file, "");
    Sha256 hash;
    int64_t size = store_.partial_bytes(file);
    std::vector<char> buffer;
    (void)hash_file(hash, store_.partial(file), buffer);  // nothing where nothing has come; what is not the file's shows in the end
    int failures = 0;
    double piece_us = Clock::steady().now_us();
    const auto take = [&](std::string_view piece) {
      if (size + static_cast<int64_t>(piece.size()) > file.size_bytes) {
        store_.discard(file);
        throw Unusable("[delivery] " + source_.address() + " sent over " + std::to_string(file.size_bytes) + " bytes of '" + file.path +
                       "', the size that it lists; nothing of it was used");
      }
      store_.append(file, piece);
      hash.update(piece);
      size += static_cast<int64_t>(piece.size()), fetched_ += static_cast<int64_t>(piece.size());
      failures = 0;
      say_it_goes_on();
      if (options_.shows_progress) bar_.advance(static_cast<int64_t>(piece.size()), file.path);
      if (options_.share < 1) wait_us(std::min(kLongestWaitUs, (Clock::steady().now_us() - piece_us) * (1 / options_.share - 1)), options_.stop);
      piece_us = Clock::steady().now_us();
    };
    while (size < file.size_bytes) {
      const int64_t before = size;
      say_it_goes_on();
      try {
        source_.fetch(file.sha256, size, take, options_.stop);
        if (size == before)
          throw TransportError("[delivery] " + source_.address() + " sent " + std::to_string(size) + " bytes of '" + file.path + "' and lists " +
                                   std::to_string(file.size_bytes),
                               /*retryable=*/false);
      } catch (const TransportError& e) {
        if (!e.retryable() || options_.stop.stop_requested() || ++failures >= options_.tries) throw;
        log::debug("[delivery] the pull goes on: " + std::string(e.what()));
        wait_us(std::min(kLongestWaitUs, options_.first_pause_us * static_cast<double>(1 << std::min(failures, 10))), options_.stop);
        piece_us = Clock::steady().now_us();
      }
    }
    return hash.hex();
  }

  Source& source_;
  Store& store_;
  const Offer& offer_;
  const PullOptions& options_;
  int64_t fetched_ = 0;
  double word_due_us_ = 0;
  Progress bar_;
};

}  // namespace

int64_t pull(Source& source, Store& store, const Offer& offer, const PullOptions& options) {
  check_offer(offer, source.address());
  return Pull(source, store, offer, options).run();
}

}  // namespace scissionlite::delivery
