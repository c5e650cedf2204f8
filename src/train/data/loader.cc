#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <limits>
#include <mutex>
#include <numeric>
#include <system_error>
#include <thread>

#include "base/cpu.h"
#include "base/error.h"
#include "train/data/dataset.h"

namespace scissionlite::train {
namespace {

constexpr int kMostDecoders = 4;

uint64_t mixed(uint64_t seed, uint64_t a, uint64_t b) { return Rng(Rng(Rng(seed).next() ^ a).next() ^ b).next(); }

/// The examples of an epoch in their order.
std::vector<int64_t> order_of(int64_t size, const LoaderOptions& options, int64_t epoch) {
  if (options.order) return options.order(epoch);
  std::vector<int64_t> order(static_cast<size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  if (!options.shuffle) return order;
  Rng rng(mixed(options.seed, static_cast<uint64_t>(epoch), 0x6f726465));
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
  return order;
}

/// Puts an example's tensor behind those of the examples before it; the first one makes room for all.
void put(Tensor& batch, const Tensor& part, size_t i, size_t count, int64_t index) {
  if (i == 0) {
    auto shape = part.shape();
    shape[0] = static_cast<int64_t>(count);
    batch = Tensor(part.dtype(), shape);
  }
  if (part.size_bytes() * count != batch.size_bytes())
    throw InvalidArgument("[train] example " + std::to_string(index) + " has shape " + to_string(part.shape()) + ", others have " +
                          to_string(batch.shape()));
  std::memcpy(batch.mutable_data() + i * part.size_bytes(), part.data(), part.size_bytes());
}

/// A batch under way: the decoders take its examples one by one, and whoever comes last puts them together.
struct Making {
  int64_t epoch = 0;
  size_t first = 0;                          // its first example's place in the epoch
  std::vector<int64_t> indices;              // n, of the dataset
  std::vector<Example> examples;             // n
  std::vector<std::exception_ptr> failures;  // n, null where there was none
  size_t taken = 0, left = 0;                // how many are with a decoder or done, how many are not done
  Batch batch;
  std::exception_ptr failure;
  bool is_done = false;
};

/// Several decoders read examples of the same few batches at once. What they make follows from an example's place alone, and batches and errors come
/// in the order of places, so their number changes no bit.
class PrefetchingReader : public EpochReader {
 public:
  /// @param epochs  how many are read from `epoch` on.
  PrefetchingReader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options, int64_t epoch, int64_t first, int64_t epochs)
      : dataset_(std::move(dataset)),
        options_(options),
        epoch_(epoch),
        epochs_left_(epochs),
        order_(order_of(dataset_->size(), options, epoch)),
        next_(static_cast<size_t>(first * options.batch_size)) {
    try {
      for (int i = 0; i < std::max(1, options.decoders); ++i) threads_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
      if (threads_.empty()) throw;  // fewer make the same batches
    }
  }
  ~PrefetchingReader() override {
    {
      const std::lock_guard lock(mutex_);
      is_stopped_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  std::optional<Batch> next() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return under_way_.empty() ? is_over_ : under_way_.front()->is_done; });
    if (under_way_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return std::nullopt;
    }
    if (under_way_.front()->failure) std::rethrow_exception(under_way_.front()->failure);
    Batch batch = std::move(under_way_.front()->batch);
    under_way_.pop_front();
    changed_.notify_all();
    return batch;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock,
                    [&] { return is_stopped_ || is_over_ || has_untaken() || under_way_.size() < static_cast<size_t>(std::max(1, options_.ahead)); });
      if (is_stopped_) return;
      if (!has_untaken() && !begin()) return;
      auto& making = *under_way_.back();  // it stays there until it is done
      const size_t i = making.taken++;
      lock.unlock();
      read(making, i);
      lock.lock();
      if (--making.left > 0) continue;
      lock.unlock();
      assemble(making);
      lock.lock();
      making.is_done = true;
      changed_.notify_all();
    }
  }

  [[nodiscard]] bool has_untaken() const { return !under_way_.empty() && under_way_.back()->taken < under_way_.back()->indices.size(); }

  /// The next batch. @return whether there is one.
  bool begin() {
    try {
      while (!is_over_ && next_ >= order_.size()) {
        if (--epochs_left_ <= 0) is_over_ = true;
        else order_ = order_of(dataset_->size(), options_, ++epoch_), next_ = 0;
      }
      if (!is_over_) {
        const size_t end = std::min(order_.size(), next_ + static_cast<size_t>(options_.batch_size)), count = end - next_;
        auto making = std::make_unique<Making>();
        making->epoch = epoch_, making->first = next_, making->left = count;
        making->indices.assign(order_.begin() + static_cast<int64_t>(next_), order_.begin() + static_cast<int64_t>(end));
        making->examples.resize(count), making->failures.resize(count);
        under_way_.push_back(std::move(making));
        next_ = end;
      }
    } catch (...) { failure_ = std::current_exception(), is_over_ = true; }
    changed_.notify_all();
    return !is_over_;
  }

  void read(Making& making, size_t i) const {
    try {
      const int64_t index = making.indices[i];
      const auto place = options_.order ? static_cast<int64_t>(making.first + i) : index;  // an order may name an example more than once
      Rng rng(mixed(options_.seed, static_cast<uint64_t>(making.epoch), static_cast<uint64_t>(place)));
      making.examples[i] = dataset_->get(index, options_.augment ? &rng : nullptr);
    } catch (...) { making.failures[i] = std::current_exception(); }
  }

  static void assemble(Making& making) {
    try {
      auto& batch = making.batch;
      const size_t count = making.indices.size();
      for (size_t i = 0; i < count; ++i) {
        if (making.failures[i]) std::rethrow_exception(making.failures[i]);
        const auto example = std::move(making.examples[i]);
        put(batch.input, example.input, i, count, making.indices[i]);
        if (!example.answers.empty()) put(batch.answers, example.answers, i, count, making.indices[i]);
        batch.labels.push_back(example.label);
        batch.other_labels.push_back(example.other_label);
        batch.other_shares.push_back(example.other_share);
      }
    } catch (...) { making.failure = std::current_exception(); }
  }

  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int64_t epoch_, epochs_left_;                    // of the batch that begins next, and how many there are with it
  std::vector<int64_t> order_;                     // of that epoch
  size_t next_;                                    // that batch's first place
  std::deque<std::unique_ptr<Making>> under_way_;  // in their order; at most options_.ahead
  std::exception_ptr failure_;                     // of an order
  bool is_over_ = false, is_stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

int decoders_beside(int threads) { return std::clamp(threads > 0 ? threads : this_machine().cores, 1, kMostDecoders); }

Loader::Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options) : dataset_(std::move(dataset)), options_(options) {
  if (options.batch_size < 1) throw InvalidArgument("[train] batch size is " + std::to_string(options.batch_size) + ", expected at least 1");
  if (dataset_->size() < 1) throw InvalidArgument("[train] the dataset is empty");
  examples_ = options.order ? static_cast<int64_t>(options.order(0).size()) : dataset_->size();
}

int64_t Loader::batches() const { return (examples_ + options_.batch_size - 1) / options_.batch_size; }

std::unique_ptr<EpochReader> Loader::epoch(int64_t epoch, int64_t first) const {
  return std::make_unique<PrefetchingReader>(dataset_, options_, epoch, first, 1);
}

std::unique_ptr<EpochReader> Loader::from(int64_t batch) const {
  return std::make_unique<PrefetchingReader>(dataset_, options_, batch / batches(), batch % batches(), std::numeric_limits<int64_t>::max());
}

}  // namespace scissionlite::train
