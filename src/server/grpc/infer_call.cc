#include "base/clock.h"
#include "protocol/status_internal.h"
#include "protocol/wire_internal.h"
#include "server/call/refusal_internal.h"
#include "server/grpc/receive_internal.h"
#include "server/grpc/service_internal.h"
#include "server/inference/held_inference.h"

namespace scissionlite::server {
namespace {

void add_retry_hint(grpc::CallbackServerContext& call, double retry_after_us) {
  if (retry_after_us <= 0) return;
  for (const char* key : {protocol::kRetryAfterKey, protocol::kPushbackKey})
    call.AddTrailingMetadata(key, std::to_string(retry_after_ms(retry_after_us)));
}

class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(const ServiceContext& context, grpc::CallbackServerContext* call, const grpc::ByteBuffer* request, grpc::ByteBuffer* response)
      : call_(call), response_(response), context_bytes_(context.bytes) {
    Admission admission;
    Received received;
    try {
      admission = admit_call(context, *call);  // a flood is turned away before its bytes are parsed
      grpc::ByteBuffer bytes;
      bytes.Swap(const_cast<grpc::ByteBuffer*>(request));  // frees them after parsing instead of with the call
      received = receive(context, *call, bytes, admission);
    } catch (...) {
      const auto refusal = current_refusal();
      add_retry_hint(*call, refusal.retry_after_us());
      Finish(to_status(refusal));
      return;
    }
    inference_.start(std::make_shared<Inference>(context.infer(), std::move(admission), std::move(received.notes), std::move(received.message),
                                                 deadline_of(*call), [this](const Reply& reply) { return answer(reply); }));
  }
  void OnCancel() override { inference_.cancel(); }
  void OnDone() override { delete this; }

 private:
  int64_t answer(const Reply& reply) {
    const auto answered = inference_.take();
    auto status = reply.status;
    double retry_after_us = reply.retry_after_us;
    try {
      if (status.ok()) write(reply);
    } catch (...) {
      const auto refusal = current_refusal();
      status = to_status(refusal), retry_after_us = refusal.retry_after_us();
    }
    if (!status.ok()) add_retry_hint(*call_, retry_after_us);
    const int64_t ready_ns = Clock::steady().now_ns();
    Finish(status);
    return ready_ns;
  }
  void write(const Reply& reply) {
    answer_bytes_ = context_bytes_.take(bytes_of(reply));
    std::vector<protocol::RawPart> parts;
    for (const auto& output : reply.outputs) parts.push_back({.tensor = output.clone(), .blob = {}});  // the engine reuses its buffer
    *response_ = protocol::assemble(reply.head, protocol::kRawOutputField, parts);
  }
  grpc::CallbackServerContext* call_;
  grpc::ByteBuffer* response_;
  BytesInFlight& context_bytes_;
  Ticket answer_bytes_;  // of the answer until it is sent
  HeldInference inference_;
};

}  // namespace

grpc::ServerUnaryReactor* start_infer(const ServiceContext& context, grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) {
  return new UnaryCall(context, call, request, response);
}

}  // namespace scissionlite::server
