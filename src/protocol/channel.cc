#include "protocol/channel_internal.h"

#include <grpc/support/time.h>
#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>

#include "base/log.h"
#include "inference.grpc.pb.h"
#include "protocol/tls_internal.h"

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

std::string why_not_connected(const std::shared_ptr<grpc::Channel>& channel, TlsEnd* tls, const std::string& server) {
  if (const auto trouble = tls ? tls->trouble() : ""; !trouble.empty()) return trouble;
  grpc::ClientContext context;
  inference::ServerLiveResponse response;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  const auto status =
      inference::GRPCInferenceService::NewStub(channel)->ServerLive(&context, {}, &response);  // fails at once with the last attempt's error
  std::string text = "is " + server +
                     " running there, and is the address host:port of its gRPC port? One with TLS takes --tls-ca, --tls-cert and "
                     "--tls-key here too";
  if (tls)
    text = "is " + server + " running there with TLS, and does it accept the certificate '" + tls->files().certificate.string() +
           "' (its log says why not: unknown, expired, revoked)?";
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !status.error_message().empty()) text += " (" + status.error_message() + ")";
  return text;
}

}  // namespace scissionlite::protocol
