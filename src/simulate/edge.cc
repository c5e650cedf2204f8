#include "simulate/edge.h"

#include <algorithm>

namespace scissionlite::simulate {

void Edge::answer(Message request, Message::Kind kind, double bytes, double now_us) {
  request.kind = kind, request.is_up = false, request.bytes = bytes, request.connection = life_;
  reply_(request, now_us);
}

void Edge::receive(const Message& message, double now_us) {
  if (!is_up_) return answer(message, Message::Kind::kFailed, 60, now_us);
  if (message.kind == Message::Kind::kPing) return answer(message, Message::Kind::kPong, 60, now_us);
  if (message.tail != version_ && !is_wrong_) return answer(message, Message::Kind::kRefused, 200, now_us);
  if (is_busy_ || queue_.size() >= options_.edge_queue) return answer(message, Message::Kind::kBusy, 200, now_us);
  queue_.push_back({message, now_us});
  queue_.back().request.tail = is_wrong_ ? -1 : version_;  // a version that is replaced drains
  if (serving_ == 0) start(now_us);
}

void Edge::start(double now_us) {
  if (queue_.empty()) return;
  serving_ = next_job_++;
  const double us = options_.plans[queue_.front().request.plan].edge_us * slower_ * rng_.uniform(1 - 2 * options_.noise, 1 + 2 * options_.noise);
  agenda_.add(now_us + us, Due::Kind::kEdgeDone, 0, serving_);
}

void Edge::finish(uint64_t job, double now_us) {
  if (job != serving_) return;  // lost with a life before
  serving_ = 0;
  const auto done = queue_.front();
  queue_.pop_front();
  auto request = done.request;
  request.edge_us = now_us - done.arrived_us;
  const auto kind = request.kind == Message::Kind::kCheck ? Message::Kind::kCheckAnswer : Message::Kind::kAnswer;
  answer(request, kind, options_.answer_bytes, now_us);
  if (duplicates_ > 0 && rng_.uniform() < duplicates_) {
    request.late_us = rng_.uniform(0, 500e3);
    answer(request, kind, options_.answer_bytes, now_us);
  }
  start(now_us);
}

/// The machine is there and says so: connections are reset.
void Edge::lose_all(double now_us) {
  for (const auto& job : queue_) answer(job.request, Message::Kind::kFailed, 60, now_us);
  queue_.clear(), serving_ = 0;
}

/// Its connection is closed: what is queued and nobody waits for is not begun.
void Edge::forget(size_t device) {
  const auto first = queue_.begin() + (serving_ != 0 ? 1 : 0);
  queue_.erase(std::remove_if(first, queue_.end(), [&](const Job& job) { return job.request.device == device; }), queue_.end());
}

void Edge::start_flood(double rate, double now_us) {
  flood_ = rate;
  if (flood_ > 0) agenda_.add(now_us, Due::Kind::kFlood, 0, ++wave_);
}

/// Of nobody's device, who never goes away.
void Edge::flood(uint64_t wave, double now_us) {
  const auto& plans = options_.plans;
  const auto asked = std::find_if(plans.begin(), plans.end(), [](const auto& plan) { return plan.uses_edge; });
  if (wave != wave_ || flood_ <= 0 || asked == plans.end()) return;
  receive({.device = static_cast<size_t>(options_.devices), .plan = static_cast<size_t>(asked - plans.begin()), .tail = version_}, now_us);
  agenda_.add(now_us + 1e6 / flood_ * rng_.uniform(0.5, 1.5), Due::Kind::kFlood, 0, wave);
}

void Edge::apply(const Happening& happening, double now_us) {
  switch (happening.event) {
    case Event::kEdgeKilled: lose_all(now_us), is_up_ = false; break;
    case Event::kEdgeStarted: lose_all(now_us), is_up_ = true, ++life_, is_busy_ = false, slower_ = 1; break;
    case Event::kEdgeSlower: slower_ = happening.value; break;
    case Event::kEdgeBusy: is_busy_ = happening.value > 0; break;
    case Event::kTailReplaced: version_ = static_cast<int32_t>(happening.value); break;
    case Event::kTailWrong: lose_all(now_us), ++life_, is_wrong_ = happening.value > 0; break;
    case Event::kDuplicates: duplicates_ = happening.value; break;
    case Event::kDeviceGone: forget(0); break;
    case Event::kFlood: start_flood(happening.value, now_us); break;
    case Event::kConnectionDead:
    case Event::kDeviceSlower:
    case Event::kDeviceSuspended: break;  // not its matter
  }
}

}  // namespace scissionlite::simulate
