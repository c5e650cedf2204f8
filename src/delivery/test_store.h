// For the tests of this folder: a source in memory, and a disk that ends where the test says, losing what was not flushed.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "delivery/pull.h"

namespace scissionlite::delivery::testing {

class FakeSource final : public Source {
 public:
  [[nodiscard]] std::string address() const override { return "fake:1"; }
  [[nodiscard]] std::vector<Offer> offers() override { return {offer}; }
  void fetch(const std::string& sha256, int64_t offset_bytes, const std::function<void(std::string_view)>& take,
             const std::stop_token& stop) override {
    ++fetches;
    if (on_fetch) on_fetch();
    const auto& bytes = contents.at(sha256);
    for (size_t at = static_cast<size_t>(offset_bytes); at < bytes.size() && !stop.stop_requested(); at += piece) {
      if (sent >= ends_after) throw TransportError("fake:1 is gone", /*retryable=*/true);
      const auto part = std::string_view(bytes).substr(at, piece);
      take(part);
      sent += part.size();
    }
  }
  /// Adds a file and makes the offer's version anew.
  void add(const std::string& path, const std::string& bytes) {
    std::erase_if(offer.files, [&](const auto& file) { return file.path == path; });
    const auto hash = sha256_hex(bytes);
    contents[hash] = bytes;
    offer.files.push_back({path, static_cast<int64_t>(bytes.size()), hash});
    std::sort(offer.files.begin(), offer.files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    offer.version = version_of(offer.files);
  }

  Offer offer{.name = "net", .version = {}, .model = "net", .candidate = "local", .tail = {}, .files = {}};
  std::map<std::string, std::string> contents;  // by hash: a test may put other bytes there
  std::function<void()> on_fetch;
  size_t piece = 10, sent = 0, ends_after = SIZE_MAX;
  int fetches = 0;
};

/// Counts changes; the one of number `ends_at` is half done, and then the process ends as if power were lost: of what was not flushed only some
/// survives.
class FailingDisk : public Disk {
 public:
  explicit FailingDisk(int ends_at, uint64_t seed = 1) : ends_at_(ends_at), rng_(seed) {}
  void make_folder(const fs::path& path) override {
    change([&] { Disk::make_folder(path); });
  }
  void append(const fs::path& path, std::string_view bytes) override {
    const auto before = fs::exists(path) ? fs::file_size(path) : 0;
    if (is_last()) {
      Disk::append(path, bytes.substr(0, bytes.size() / 2));
      end();
    }
    Disk::append(path, bytes);
    lost_.push_back({path, [path, before] {
                       std::error_code gone;
                       if (fs::exists(path)) fs::resize_file(path, before, gone);
                     }});
  }
  void sync(const fs::path& path) override {
    change([&] { Disk::sync(path); });
    std::erase_if(lost_, [&](const auto& one) { return one.where == path; });
  }
  void rename(const fs::path& from, const fs::path& to) override {
    const auto old = fs::is_regular_file(to) ? std::optional(read_file(to)) : std::nullopt;
    change([&] { Disk::rename(from, to); });
    for (auto& one : lost_)
      if (one.where == from) one.where = to, one.undo = [to] { fs::resize_file(to, fs::file_size(to) / 2); };  // not flushed before it got its name
    lost_.push_back({to.parent_path(), [from, to, old] {
                       std::error_code ignored;
                       fs::rename(to, from, ignored);
                       if (old) write_file(to, *old);
                     }});
  }
  void link(const fs::path& from, const fs::path& to) override {
    change([&] { Disk::link(from, to); });
    lost_.push_back({to.parent_path(), [to] {
                       std::error_code ignored;
                       fs::remove(to, ignored);
                     }});
  }
  void remove(const fs::path& path) override {
    change([&] { Disk::remove(path); });
  }
  [[nodiscard]] int changes() const { return changes_; }

 protected:
  virtual void end() {
    for (auto one = lost_.rbegin(); one != lost_.rend(); ++one)
      if (rng_.next() % 2 == 0) one->undo();
    _exit(kPowerLost);
  }
  static constexpr int kPowerLost = 9;

 private:
  struct Lost {
    fs::path where;  // what has to be flushed
    std::function<void()> undo;
  };
  bool is_last() { return ++changes_ == ends_at_; }
  void change(const std::function<void()>& body) {
    if (is_last()) end();
    body();
  }
  int ends_at_, changes_ = 0;
  Rng rng_;
  std::vector<Lost> lost_;
};

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : folder_(fs::path(::testing::TempDir()) / ("store-" + std::to_string(getpid()))) {}
  ~StoreTest() override {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  static PullOptions quiet() {
    PullOptions options;
    options.shows_progress = false, options.first_pause_us = 1, options.tries = 2;
    return options;
  }
  /// As a device does with a version that passes its probe.
  static void take(Source& source, Store& store, const Offer& offer) {
    (void)pull(source, store, offer, quiet());
    store.begin_trial(offer.version);
    store.accept(offer.version);
  }
  fs::path folder_;
};

}  // namespace scissionlite::delivery::testing
