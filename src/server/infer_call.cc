#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "protocol/device_keys.h"
#include "protocol/wire_internal.h"
#include "protocol/status_internal.h"
#include "server/caller_internal.h"
#include "server/service_internal.h"

namespace scissionlite::server {
namespace {

/// The call's deadline on the steady clock; nothing when it has none.
std::optional<int64_t> deadline_of(const grpc::CallbackServerContext& call) {
  using std::chrono::system_clock;
  const auto deadline = call.deadline();
  if (deadline == system_clock::time_point::max()) return std::nullopt;
  const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - system_clock::now()).count();
  constexpr int64_t kYearNs = 31'536'000'000'000'000;
  if (left > kYearNs) return std::nullopt;
  return Clock::steady().now_ns() + left;
}

int64_t retry_after_ms(double retry_after_us) { return std::max<int64_t>(1, static_cast<int64_t>(retry_after_us * 1e-3)); }

Admission admit_call(const ServiceContext& context, const grpc::CallbackServerContext& call) {
  return admit(context.access, context.refusals, context.observer.get(), [&] { return identity_of(call, context.tls); });
}

/// @throws Refusal, counted.
Ticket take_bytes(const ServiceContext& context, int64_t bytes) {
  try {
    return context.grpc_bytes.take(bytes);
  } catch (const Refusal& refusal) {
    context.refusals.add(refusal.code());
    throw;
  }
}

std::string metadata_of(const grpc::CallbackServerContext& call, const char* key) {
  const auto found = call.client_metadata().find(key);
  return found == call.client_metadata().end() ? "" : std::string(found->second.data(), found->second.size());
}

CallNotes notes_of(const grpc::CallbackServerContext& call, int64_t bytes) {
  return {.traceparent = metadata_of(call, trace::kTraceparentKey), .device = metadata_of(call, protocol::kDeviceKey), .report = metadata_of(call, protocol::kReportKey), .bytes = bytes};
}

/// @throws Refusal, counted.
void require_known_versions(const ServiceContext& context, const grpc::CallbackServerContext& call, const inference::ModelInferRequest& request) {
  try {
    check_versions(call, /*is_device=*/request.parameters().contains("model_sha256"));
  } catch (...) {
    const auto refusal = current_refusal();
    context.refusals.add(refusal.code());
    throw refusal;
  }
}

/// Of the exception in flight.
grpc::Status status_in_flight() {
  const auto refusal = current_refusal();
  return {static_cast<grpc::StatusCode>(refusal.code()), refusal.what()};
}

void add_retry_hint(grpc::CallbackServerContext& call, double retry_after_us) {
  if (retry_after_us <= 0) return;
  for (const char* key : {protocol::kRetryAfterKey, protocol::kPushbackKey}) call.AddTrailingMetadata(key, std::to_string(retry_after_ms(retry_after_us)));
}

class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(const ServiceContext& context, grpc::CallbackServerContext* call, const grpc::ByteBuffer* request, grpc::ByteBuffer* response)
      : call_(call), response_(response) {
    Admission admission;
    CallNotes notes;
    auto message = std::make_shared<inference::ModelInferRequest>();
    try {
      admission = admit_call(context, *call);  // a flood is turned away before its bytes are parsed
      grpc::ByteBuffer bytes;
      bytes.Swap(const_cast<grpc::ByteBuffer*>(request));  // frees them after parsing instead of with the call
      notes = notes_of(*call, static_cast<int64_t>(bytes.Length()));
      admission.bytes = take_bytes(context, notes.bytes);
      if (!grpc::SerializationTraits<inference::ModelInferRequest>::Deserialize(&bytes, message.get()).ok()) throw Refusal(Code::kInternal, "the message is no ModelInferRequest");
      require_known_versions(context, *call, *message);
    } catch (...) {
      const auto refusal = current_refusal();
      add_retry_hint(*call, refusal.retry_after_us());
      Finish({static_cast<grpc::StatusCode>(refusal.code()), refusal.what()});
      return;
    }
    inference_ = std::make_shared<Inference>(context.infer(), std::move(admission), std::move(notes), std::move(message), deadline_of(*call), [this](const Reply& reply) { answer(reply); });
    inference_->start();
  }
  void OnCancel() override {
    if (inference_) inference_->cancel();
  }
  void OnDone() override { delete this; }

 private:
  void answer(const Reply& reply) {
    grpc::Status status = reply.status;
    try {
      if (status.ok()) write(reply);
      else add_retry_hint(*call_, reply.retry_after_us);
    } catch (...) {
      status = status_in_flight();
    }
    Finish(status);
  }
  void write(const Reply& reply) {
    std::vector<protocol::RawPart> parts;
    for (const auto& output : reply.outputs) parts.push_back({.tensor = output.clone(), .blob = {}});  // the engine reuses its buffer
    *response_ = protocol::assemble(reply.head, protocol::kRawOutputField, parts);
  }
  grpc::CallbackServerContext* call_;
  grpc::ByteBuffer* response_;
  std::shared_ptr<Inference> inference_;
};

/// One request at a time: read, infer, write, read the next.
class StreamCall final : public grpc::ServerBidiReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse> {
 public:
  StreamCall(const ServiceContext& context, grpc::CallbackServerContext* call) : context_(context), call_(call) { read(); }
  void OnReadDone(bool ok) override {
    if (!ok) {  // the client has no more, or has gone
      Finish(grpc::Status::OK);
      return;
    }
    std::shared_ptr<Inference> inference;
    try {
      auto admission = admit_call(context_, *call_);
      require_known_versions(context_, *call_, *message_);
      auto notes = notes_of(*call_, static_cast<int64_t>(message_->ByteSizeLong()));
      admission.bytes = take_bytes(context_, notes.bytes);
      inference = std::make_shared<Inference>(context_.infer(), std::move(admission), std::move(notes), message_, deadline_of(*call_), [this](const Reply& reply) { answer(reply); });
    } catch (...) {
      const auto refusal = current_refusal();
      answer({.status = {static_cast<grpc::StatusCode>(refusal.code()), refusal.what()}, .head = {}, .outputs = {}, .retry_after_us = refusal.retry_after_us()});
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      inference_ = inference;
    }
    if (is_cancelled_) inference->cancel();
    inference->start();
  }
  void OnWriteDone(bool ok) override {
    if (ok) read();
    else Finish({grpc::StatusCode::UNAVAILABLE, "the stream is broken"});
  }
  void OnCancel() override {
    is_cancelled_ = true;
    std::shared_ptr<Inference> inference;
    {
      const std::lock_guard lock(mutex_);
      inference = inference_;
    }
    if (inference) inference->cancel();
  }
  void OnDone() override { delete this; }

 private:
  void read() {
    message_ = std::make_shared<inference::ModelInferRequest>();
    StartRead(message_.get());
  }
  void answer(const Reply& reply) {
    response_.Clear();
    grpc::Status status = reply.status;
    try {
      if (status.ok()) write(reply);
    } catch (...) {
      status = status_in_flight();
    }
    if (!status.ok()) {
      response_.Clear();
      response_.set_error_message(status.error_message());
      response_.mutable_infer_response()->set_id(message_->id());
      if (reply.retry_after_us > 0) (*response_.mutable_infer_response()->mutable_parameters())["retry_after_ms"].set_int64_param(retry_after_ms(reply.retry_after_us));
    }
    StartWrite(&response_);
  }
  void write(const Reply& reply) {
    auto& out = *response_.mutable_infer_response();
    out = reply.head;
    (*out.mutable_parameters())["triton_final_response"].set_bool_param(true);
    for (const auto& output : reply.outputs) out.add_raw_output_contents(output.data(), output.size_bytes());
  }
  ServiceContext context_;
  grpc::CallbackServerContext* call_;
  std::shared_ptr<inference::ModelInferRequest> message_;
  inference::ModelStreamInferResponse response_;
  std::mutex mutex_;  // guards inference_, which OnCancel reads from another thread
  std::shared_ptr<Inference> inference_;
  std::atomic<bool> is_cancelled_{false};
};

}  // namespace

grpc::ServerUnaryReactor* start_infer(const ServiceContext& context, grpc::CallbackServerContext* call, const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  return new UnaryCall(context, call, request, response);
}

grpc::ServerBidiReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse>* start_stream(const ServiceContext& context, grpc::CallbackServerContext* call) {
  return new StreamCall(context, call);
}

}  // namespace scissionlite::server
