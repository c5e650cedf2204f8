#include "base/clock.h"
#include "protocol/status_internal.h"
#include "protocol/wire_internal.h"
#include "server/call/refusal_internal.h"
#include "server/grpc/call_internal.h"
#include "server/grpc/receive_internal.h"
#include "server/grpc/service_internal.h"
#include "server/inference/held_inference.h"

namespace scissionlite::server {
namespace {

void add_retry_hint(grpc::ServerContext& call, double retry_after_us) {
  if (retry_after_us <= 0) return;
  for (const char* key : {protocol::kRetryAfterKey, protocol::kPushbackKey})
    call.AddTrailingMetadata(key, std::to_string(retry_after_ms(retry_after_us)));
}

class InferCall final : public UnaryCall<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  InferCall(const ServiceContext& context, const CallLoops::Place& place) : UnaryCall(place), context_(context) {}

 private:
  void begin() override {
    Admission admission;
    Received received;
    try {
      admission = admit_call(context_, context());  // a flood is turned away before its bytes are parsed
      grpc::ByteBuffer bytes;
      bytes.Swap(&request());  // frees them after parsing instead of with the call
      received = receive(context_, context(), bytes, admission);
    } catch (...) {
      const auto refusal = current_refusal();
      add_retry_hint(context(), refusal.retry_after_us());
      finish(to_status(refusal));
      return;
    }
    inference_.start(std::make_shared<Inference>(context_.infer(), std::move(admission), std::move(received.notes), std::move(received.message),
                                                 deadline_of(context()), [this](const Reply& reply) { return answer(reply); }));
  }
  void on_cancel() override { inference_.cancel(); }
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
    if (!status.ok()) add_retry_hint(context(), retry_after_us);
    const int64_t ready_ns = Clock::steady().now_ns();
    finish(status);
    return ready_ns;
  }
  void write(const Reply& reply) {
    answer_bytes_ = context_.bytes.take(bytes_of(reply));
    std::vector<protocol::RawPart> parts;
    for (const auto& output : reply.outputs) parts.push_back({.tensor = output.clone(), .blob = {}});  // the engine reuses its buffer
    response() = protocol::assemble(reply.head, protocol::kRawOutputField, parts);
  }
  const ServiceContext& context_;
  Ticket answer_bytes_;  // of the answer until it is sent
  HeldInference inference_;
};

}  // namespace

void wait_for_infer(Service& service, const ServiceContext& context, const CallLoops::Place& place) {
  auto* call = new InferCall(context, place);
  service.RequestModelInfer(&call->context(), &call->request(), &call->writer(), place.queue, place.queue, call->tag());
}

}  // namespace scissionlite::server
