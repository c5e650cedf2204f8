#include "device/pipeline.h"

#include <deque>
#include <map>

#include "device/observation.h"

namespace scissionlite::device {
namespace {

constexpr size_t kKeptLatencies = 10'000;

void count(const Answer& answer, RunTotals& totals) {
  ++totals.images;
  if (!answer.error.empty()) {
    ++totals.errors;
    return;
  }
  ++(answer.origin == Origin::kEdge ? totals.edge : answer.origin == Origin::kCloud ? totals.cloud : totals.local);
  if (answer.verdict) ++totals.judged, totals.positives += answer.verdict->is_positive ? 1 : 0;
  if (answer.is_late) ++totals.late;
  if (totals.latencies_us.size() < kKeptLatencies) totals.latencies_us.push_back(answer.latency_us);
  else totals.latencies_us[static_cast<size_t>(totals.images) % kKeptLatencies] = answer.latency_us;
}

Answer unreadable(const FrameSource::Item& item) {
  Answer answer;
  answer.id = next_request_id();
  answer.name = item.frame.name;
  answer.was_read = false;
  answer.error = item.error;
  return answer;
}

/// Waiting for `finish`, and finished answers waiting for those before them.
class InFlight {
 public:
  InFlight(Answerer& answerer, int limit, RunTotals& totals, const std::function<void(const Answer&)>& emit)
      : answerer_(answerer), limit_(static_cast<size_t>(limit)), totals_(totals), emit_(emit) {
    for (int i = 0; i < limit; ++i) threads_.emplace_back([this] { work(); });
  }
  ~InFlight() { drain(); }
  /// Waits while `limit` images are in flight, so that a slow edge holds the source back.
  void wait_for_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return taken_ - emitted_ < limit_ + 1; });
  }
  void add(Prepared prepared) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace_back(taken_++, std::move(prepared));
    changed_.notify_all();
  }
  void add_finished(Answer answer) {
    std::unique_lock lock(mutex_);
    hand_out(taken_++, std::move(answer));
  }
  void drain() {
    {
      const std::lock_guard lock(mutex_);
      is_closed_ = true;
      changed_.notify_all();
    }
    for (auto& thread : threads_)
      if (thread.joinable()) thread.join();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return is_closed_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      auto [number, prepared] = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      Answer answer = answerer_.finish(std::move(prepared));
      lock.lock();
      hand_out(number, std::move(answer));
    }
  }
  /// Under the lock, which also keeps `emit` to one thread.
  void hand_out(size_t number, Answer answer) {
    finished_.emplace(number, std::move(answer));
    for (auto first = finished_.find(emitted_); first != finished_.end(); first = finished_.find(emitted_)) {
      count(first->second, totals_);
      emit_(first->second);
      finished_.erase(first);
      ++emitted_;
    }
    changed_.notify_all();
  }

  Answerer& answerer_;
  size_t limit_;
  RunTotals& totals_;
  const std::function<void(const Answer&)>& emit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<size_t, Prepared>> waiting_;
  std::map<size_t, Answer> finished_;
  size_t taken_ = 0, emitted_ = 0;
  bool is_closed_ = false;
  std::vector<std::thread> threads_;
};

void run_one_by_one(Answerer& answerer, FrameSource& source, const std::atomic<bool>& stop, RunTotals& totals,
                    const std::function<void(const Answer&)>& emit) {
  while (!stop) {
    auto item = source.next();
    if (!item) return;
    const Answer answer = item->error.empty() ? answerer.answer(std::move(item->frame)) : unreadable(*item);
    count(answer, totals);
    emit(answer);
  }
}

}  // namespace

RunTotals run_all(Answerer& answerer, FrameSource& source, int in_flight, const std::atomic<bool>& stop,
                  const std::function<void(const Answer&)>& emit) {
  RunTotals totals;
  Clock& clock = answerer.clock();
  const double start_us = clock.now_us();
  if (in_flight <= 1) {
    run_one_by_one(answerer, source, stop, totals, emit);
  } else {
    InFlight flights(answerer, in_flight, totals, emit);
    while (!stop) {
      auto item = source.next();
      if (!item) break;
      flights.wait_for_room();
      if (item->error.empty()) flights.add(answerer.prepare(std::move(item->frame), /*keep=*/true));
      else flights.add_finished(unreadable(*item));
    }
    flights.drain();
  }
  totals.elapsed_us = clock.now_us() - start_us;
  return totals;
}

}  // namespace scissionlite::device
