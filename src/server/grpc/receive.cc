#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "protocol/device_keys.h"
#include "server/call/caller_internal.h"
#include "server/call/refusal_internal.h"
#include "server/grpc/grpc_message_internal.h"
#include "server/grpc/receive_internal.h"

namespace scissionlite::server {
namespace {

std::string metadata_of(const grpc::ServerContext& call, const char* key) {
  const auto found = call.client_metadata().find(key);
  return found == call.client_metadata().end() ? "" : std::string(found->second.data(), found->second.size());
}

CallNotes notes_of(const grpc::ServerContext& call, int64_t bytes) {
  return {.traceparent = metadata_of(call, trace::kTraceparentKey),
          .device = metadata_of(call, protocol::kDeviceKey),
          .report = metadata_of(call, protocol::kReportKey),
          .bytes = bytes};
}

}  // namespace

std::optional<int64_t> deadline_of(const grpc::ServerContext& call) {
  using std::chrono::system_clock;
  const auto deadline = call.deadline();
  if (deadline == system_clock::time_point::max()) return std::nullopt;
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - system_clock::now()).count();
  constexpr int64_t kYearNs = 31'536'000'000'000'000;
  if (left > kYearNs) return std::nullopt;
  return Clock::steady().now_ns() + left;
}

int64_t retry_after_ms(double retry_after_us) { return std::max<int64_t>(1, static_cast<int64_t>(retry_after_us * 1e-3)); }

Admission admit_call(const ServiceContext& context, const grpc::ServerContext& call) {
  return admit(context.access, context.refusals, context.observer.get(), [&] { return identity_of(call, context.tls); });
}

Received receive(const ServiceContext& context, const grpc::ServerContext& call, grpc::ByteBuffer& bytes, Admission& admission) {
  auto notes = notes_of(call, static_cast<int64_t>(bytes.Length()));
  try {
    const auto coding = coding_of(bytes);
    admission.bytes = context.bytes.take(coding ? most_inflated_bytes(notes.bytes, context.max_message_bytes) : notes.bytes);
    auto [message, size] = read_message(bytes, coding, context.max_message_bytes);
    if (coding) admission.bytes.release(), admission.bytes = context.bytes.take(size);
    check_versions(call, /*is_device=*/message->parameters().contains("model_sha256"));
    return {std::move(message), std::move(notes)};
  } catch (...) {
    const auto refusal = current_refusal();
    context.refusals.add(refusal.code());
    if (context.observer)
      context.observer->turned_away(
          {.identity = admission.identity, .traceparent = notes.traceparent, .code = refusal.code(), .reason = refusal.what()});
    throw refusal;
  }
}

}  // namespace scissionlite::server
