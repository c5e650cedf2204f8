#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "protocol/device_keys.h"
#include "protocol/status_internal.h"
#include "protocol/wire_internal.h"
#include "server/call/caller_internal.h"
#include "server/call/refusal_internal.h"
#include "server/grpc/grpc_message_internal.h"
#include "server/grpc/service_internal.h"
#include "server/inference/held_inference.h"

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

std::string metadata_of(const grpc::CallbackServerContext& call, const char* key) {
  const auto found = call.client_metadata().find(key);
  return found == call.client_metadata().end() ? "" : std::string(found->second.data(), found->second.size());
}

CallNotes notes_of(const grpc::CallbackServerContext& call, int64_t bytes) {
  return {.traceparent = metadata_of(call, trace::kTraceparentKey),
          .device = metadata_of(call, protocol::kDeviceKey),
          .report = metadata_of(call, protocol::kReportKey),
          .bytes = bytes};
}

struct Received {
  std::shared_ptr<inference::ModelInferRequest> message;
  CallNotes notes;
};

/// What `bytes` hold, which are freed; its memory is counted in `admission`. @throws Refusal, counted.
Received receive(const ServiceContext& context, const grpc::CallbackServerContext& call, grpc::ByteBuffer& bytes, Admission& admission) {
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

int64_t bytes_of(const Reply& reply) {
  int64_t bytes = 0;
  for (const auto& output : reply.outputs) bytes += static_cast<int64_t>(output.size_bytes());
  return bytes;
}

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

/// One request at a time: read, infer, write, read the next.
class StreamCall final : public StreamReactor {
 public:
  StreamCall(const ServiceContext& context, grpc::CallbackServerContext* call)
      : context_(context), call_(call), turn_(std::make_shared<Turn>(*this)) {
    context_.streams.add(turn_);
    read();
  }
  void OnReadDone(bool ok) override {
    if (!turn_->take()) return;  // it was ended meanwhile
    if (!ok) {                   // the client has no more, or has gone
      Finish(grpc::Status::OK);
      return;
    }
    std::shared_ptr<Inference> inference;
    try {
      auto admission = admit_call(context_, *call_);
      auto [message, notes] = receive(context_, *call_, bytes_, admission);
      id_ = message->id();
      inference = std::make_shared<Inference>(context_.infer(), std::move(admission), std::move(notes), std::move(message), deadline_of(*call_),
                                              [this](const Reply& reply) { return answer(reply); });
    } catch (...) {
      const auto refusal = current_refusal();
      (void)answer({.status = to_status(refusal), .head = {}, .outputs = {}, .retry_after_us = refusal.retry_after_us()});
      return;
    }
    inference_.start(std::move(inference));
  }
  void OnWriteDone(bool ok) override {
    answer_bytes_.release();
    if (ok) read();
    else Finish({grpc::StatusCode::UNAVAILABLE, "the stream is broken"});
  }
  void OnCancel() override { inference_.cancel(); }
  void OnDone() override { delete this; }

 private:
  /// Whose turn it is: the caller's, whose next request is waited for, or ours. A server that stops may end the stream in the caller's turn only;
  /// `call` lives until somebody has called Finish, which whoever takes the turn alone may do.
  class Turn final : public Windable {
   public:
    explicit Turn(StreamCall& call) : call_(call) {}
    /// Before the next request is read.
    void offer() {
      const std::lock_guard lock(mutex_);
      state_ = State::kOffering;
    }
    /// It is being read. Whether the stream has to end instead.
    [[nodiscard]] bool offered() {
      const std::lock_guard lock(mutex_);
      if (state_ != State::kOffering) return false;  // it has come already
      if (!is_ending_) state_ = State::kCallers;
      else state_ = State::kEnded;
      return is_ending_;
    }
    /// There is a request, or the end of them. False: the stream was ended.
    [[nodiscard]] bool take() {
      const std::lock_guard lock(mutex_);
      if (state_ == State::kEnded) return false;
      state_ = State::kOurs;
      return true;
    }
    void wind_down() override {
      {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
        if (state_ != State::kCallers) return;  // whoever offers it next will see
        state_ = State::kEnded;
      }
      call_.end();
    }

   private:
    enum class State { kOurs, kOffering, kCallers, kEnded };
    StreamCall& call_;
    std::mutex mutex_;
    State state_ = State::kOurs;
    bool is_ending_ = false;
  };

  void end() { Finish({grpc::StatusCode::UNAVAILABLE, "the server is shutting down"}); }
  void read() {
    if (context_.is_draining) return end();
    id_.clear();
    bytes_.Clear();
    const auto turn = turn_;  // once it is offered, another thread may end the call
    turn->offer();
    StartRead(&bytes_);
    if (turn->offered()) end();
  }
  int64_t answer(const Reply& reply) {
    const auto answered = inference_.take();
    auto status = reply.status;
    double retry_after_us = reply.retry_after_us;
    try {
      if (status.ok()) {
        answer_bytes_ = context_.bytes.take(bytes_of(reply));
        write(message_of(reply));
      }
    } catch (...) {
      const auto refusal = current_refusal();
      status = to_status(refusal), retry_after_us = refusal.retry_after_us();
    }
    if (!status.ok()) {
      inference::ModelStreamInferResponse response;
      response.set_error_message(status.error_message());
      response.mutable_infer_response()->set_id(id_);
      if (retry_after_us > 0)
        (*response.mutable_infer_response()->mutable_parameters())["retry_after_ms"].set_int64_param(retry_after_ms(retry_after_us));
      write(response);
    }
    const int64_t ready_ns = Clock::steady().now_ns();
    StartWrite(&response_);
    return ready_ns;
  }
  static inference::ModelStreamInferResponse message_of(const Reply& reply) {
    inference::ModelStreamInferResponse response;
    auto& out = *response.mutable_infer_response();
    out = reply.head;
    (*out.mutable_parameters())["triton_final_response"].set_bool_param(true);
    for (const auto& output : reply.outputs) out.add_raw_output_contents(output.data(), output.size_bytes());
    return response;
  }
  void write(const inference::ModelStreamInferResponse& response) {
    bool owns_buffer = false;
    response_.Clear();
    if (const auto status = grpc::SerializationTraits<inference::ModelStreamInferResponse>::Serialize(response, &response_, &owns_buffer);
        !status.ok())
      throw Refusal(Code::kInternal, status.error_message());
  }
  ServiceContext context_;
  grpc::CallbackServerContext* call_;
  std::shared_ptr<Turn> turn_;
  grpc::ByteBuffer bytes_, response_;
  Ticket answer_bytes_;  // of an answer until it is sent
  std::string id_;       // of the request
  HeldInference inference_;
};

}  // namespace

grpc::ServerUnaryReactor* start_infer(const ServiceContext& context, grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) {
  return new UnaryCall(context, call, request, response);
}

StreamReactor* start_stream(const ServiceContext& context, grpc::CallbackServerContext* call) { return new StreamCall(context, call); }

}  // namespace scissionlite::server
