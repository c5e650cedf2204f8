#include "protocol/channel_internal.h"

#include <grpc/support/time.h>

#include <algorithm>

#include "base/log.h"

namespace scissionlite::protocol {

ReplaceableChannel::Now ReplaceableChannel::now() {
  const std::lock_guard lock(mutex_);
  if (channel_->GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_READY) ++losses_;
  return {channel_, losses_};
}

void ReplaceableChannel::count_loss() {
  const std::lock_guard lock(mutex_);
  ++losses_;
}

void ReplaceableChannel::judge(const std::shared_ptr<grpc::Channel>& channel, const grpc::Status& status) {
  if (status.error_code() != grpc::StatusCode::DEADLINE_EXCEEDED || channel->GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_READY) return;
  std::shared_ptr<grpc::Channel> before;  // ends outside the lock
  {
    const std::lock_guard lock(mutex_);
    if (channel_ != channel) return;
    before = std::exchange(channel_, make_());
    ++losses_;
  }
  log::debug("[protocol] the connection to " + address_ + " is silent and is left; the next call makes a new one");
}

/// gRPC reads a deadline anew after each change of state: one of std::chrono::system_clock moves with the wall clock.
bool wait_for_connection(grpc::Channel& channel, double timeout_us) {
  constexpr double kYearUs = 3.15e13;
  const auto timeout = gpr_time_from_micros(static_cast<int64_t>(std::min(timeout_us, kYearUs)), GPR_TIMESPAN);
  return channel.WaitForConnected(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), timeout));
}

}  // namespace scissionlite::protocol
