#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <numeric>
#include <thread>

#include "base/error.h"
#include "train/dataset.h"

namespace scissionlite::train {
namespace {

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
    throw InvalidArgument("[train] example " + std::to_string(index) + " has shape " + to_string(part.shape()) + ", others have " + to_string(batch.shape()));
  std::memcpy(batch.mutable_data() + i * part.size_bytes(), part.data(), part.size_bytes());
}

class PrefetchingReader : public EpochReader {
 public:
  PrefetchingReader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options, int64_t epoch, int64_t first)
      : dataset_(std::move(dataset)),
        options_(options),
        epoch_(epoch),
        order_(order_of(dataset_->size(), options, epoch)),
        next_(static_cast<size_t>(first * options.batch_size)),
        thread_([this] { work(); }) {}
  ~PrefetchingReader() override {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::optional<Batch> next() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !ready_.empty() || finished_; });
    if (ready_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return std::nullopt;
    }
    Batch batch = std::move(ready_.front());
    ready_.pop_front();
    changed_.notify_all();
    return batch;
  }

 private:
  void work() {
    try {
      while (next_ < order_.size()) {
        Batch batch = make();
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stopped_ || ready_.size() < static_cast<size_t>(options_.ahead); });
        if (stopped_) return;
        ready_.push_back(std::move(batch));
        changed_.notify_all();
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }

  Batch make() {
    const size_t end = std::min(order_.size(), next_ + static_cast<size_t>(options_.batch_size)), count = end - next_;
    Batch batch;
    for (size_t i = 0; i < count; ++i) {
      const int64_t index = order_[next_ + i];
      const auto place = options_.order ? static_cast<int64_t>(next_ + i) : index;  // an order may name an example more than once
      Rng rng(mixed(options_.seed, static_cast<uint64_t>(epoch_), static_cast<uint64_t>(place)));
      const auto example = dataset_->get(index, options_.augment ? &rng : nullptr);
      put(batch.input, example.input, i, count, index);
      if (!example.answers.empty()) put(batch.answers, example.answers, i, count, index);
      batch.labels.push_back(example.label);
      batch.other_labels.push_back(example.other_label);
      batch.other_shares.push_back(example.other_share);
    }
    next_ = end;
    return batch;
  }

  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
  int64_t epoch_;
  std::vector<int64_t> order_;
  size_t next_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> ready_;
  std::exception_ptr failure_;
  bool finished_ = false, stopped_ = false;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace

Loader::Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options) : dataset_(std::move(dataset)), options_(options) {
  if (options.batch_size < 1) throw InvalidArgument("[train] batch size is " + std::to_string(options.batch_size) + ", expected at least 1");
  if (dataset_->size() < 1) throw InvalidArgument("[train] the dataset is empty");
  examples_ = options.order ? static_cast<int64_t>(options.order(0).size()) : dataset_->size();
}

int64_t Loader::batches() const { return (examples_ + options_.batch_size - 1) / options_.batch_size; }

std::unique_ptr<EpochReader> Loader::epoch(int64_t epoch, int64_t first) const {
  return std::make_unique<PrefetchingReader>(dataset_, options_, epoch, first);
}

}  // namespace scissionlite::train
