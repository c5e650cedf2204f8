#include "server/grpc/stream_flow.h"

#include <vector>

namespace scissionlite::server {

StreamFlow::Step StreamFlow::next() {
  const std::lock_guard lock(mutex_);
  if (is_finished_) return Step::kNothing;
  if (!is_writing_ && end_ == End::kBroken)  // nobody is there to read them
    while (!slots_.empty() && slots_.front()->is_ready) slots_.pop_front();
  if (!is_writing_ && end_ != End::kBroken && !slots_.empty() && slots_.front()->is_ready) {
    is_writing_ = true;
    return Step::kWrite;
  }
  if (!is_reading_ && end_ == End::kNone && slots_.size() < most_at_once_) {
    is_reading_ = true;
    ++beginning_;
    return Step::kRead;
  }
  if (end_ == End::kNone || is_writing_ || beginning_ > 0 || !slots_.empty()) return Step::kNothing;
  is_finished_ = true;
  return Step::kFinish;
}

void StreamFlow::read_begun() {
  const std::lock_guard lock(mutex_);
  --beginning_;
}

std::shared_ptr<StreamFlow::Slot> StreamFlow::read_done(bool ok) {
  const std::lock_guard lock(mutex_);
  is_reading_ = false;
  if (!ok && end_ == End::kNone) end_ = End::kOfCaller;
  if (!ok || is_finished_) return nullptr;
  auto slot = std::make_shared<Slot>();
  if (is_gone_) slot->inference.cancel();
  slots_.push_back(slot);
  return slot;
}

void StreamFlow::ready(Slot& slot) {
  const std::lock_guard lock(mutex_);
  slot.is_ready = true;
}

void StreamFlow::write_done(bool ok) {
  const std::lock_guard lock(mutex_);
  is_writing_ = false;
  slots_.pop_front();
  if (!ok) end_ = End::kBroken;
}

void StreamFlow::cancel() {
  std::vector<std::shared_ptr<Slot>> all;
  {
    const std::lock_guard lock(mutex_);
    is_gone_ = true;
    all.assign(slots_.begin(), slots_.end());
  }
  for (const auto& slot : all) slot->inference.cancel();
}

void StreamFlow::wind_down() {
  const std::lock_guard lock(mutex_);
  if (end_ == End::kNone) end_ = End::kOfServer;
}

}  // namespace scissionlite::server
