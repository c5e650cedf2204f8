#include "base/clock.h"
#include "protocol/device_keys.h"
#include "server/call/inflate.h"
#include "server/call/names.h"
#include "server/call/retry_hint.h"
#include "server/http/infer_internal.h"
#include "server/http/inflate.h"
#include "server/inference/held_inference.h"

namespace scissionlite::server::http {
namespace {

KeptReply keep(const Reply& reply) {
  KeptReply kept{.head = reply.head, .outputs = {}};
  for (const auto& output : reply.outputs) kept.outputs.push_back(output.clone());  // the engine reuses its buffer
  return kept;
}

Response refused(const grpc::Status& status, double retry_after_us) {
  auto response = error_response(http_status(static_cast<Code>(status.error_code())), status.error_message());
  if (response.status == 503 || retry_after_us > 0) add_retry_hint(response, retry_after_us);
  return response;
}

/// Must not throw: without an answer the connection would wait for ever. Returns when it was ready to be written.
int64_t hand_over(const Reply& reply, const BinaryOutputs& binary, const Respond& respond) {
  Make make;
  try {
    if (!reply.status.ok()) make = [status = reply.status, retry_after_us = reply.retry_after_us] { return refused(status, retry_after_us); };
    else make = [kept = std::make_shared<const KeptReply>(keep(reply)), binary] { return write_infer_response(*kept, binary); };
  } catch (const std::exception&) {
    make = []() -> Response { throw Refusal(Code::kResourceExhausted, "the server is out of memory for this answer; send a smaller batch"); };
  }
  const int64_t ready_ns = Clock::steady().now_ns();
  respond(std::move(make));
  return ready_ns;
}

struct Target {
  std::string model, version;
};

/// One request from its body to its Inference.
class InferCall : public std::enable_shared_from_this<InferCall> {
 public:
  InferCall(const ServiceContext& context, Request&& request, Target target, size_t body_bytes, Respond respond, Admission&& admission)
      : context_(context),
        request_(std::move(request)),
        target_(std::move(target)),
        body_bytes_(body_bytes),
        respond_(std::move(respond)),
        admission_(std::move(admission)) {}

  /// Of numbers as text a thread reads some 10 MB a second, and of what is compressed nobody knows.
  [[nodiscard]] bool takes_long_to_read() const {
    constexpr size_t kLongJsonBytes = 256 << 10, kLongCompressedBytes = 16 << 10;
    if (is_compressed(request_)) return request_.body.size() > kLongCompressedBytes;
    const auto json_bytes = json_bytes_of_request();
    return (json_bytes ? number_of(*json_bytes).value_or(0) : request_.body.size()) > kLongJsonBytes;
  }
  /// @throws Refusal, HttpError.
  void start() { inference_.start(make_inference()); }
  /// Not on the threads of the network, which answer health checks meanwhile. @throws Refusal.
  void start_on(WorkPool& pool) {
    const bool queued = pool.submit([self = shared_from_this()] {
      try {
        self->start();
      } catch (...) {
        self->respond_([error = std::current_exception()]() -> Response { std::rethrow_exception(error); });
      }
    });
    if (queued) return;
    const Refusal refusal(Code::kUnavailable, "the queue of large requests to read is full", retry_hint_us(pool.wait_us()));
    count(refusal.code(), refusal.what());
    throw refusal;
  }
  void cancel() { inference_.cancel(); }

 private:
  [[nodiscard]] std::optional<std::string_view> json_bytes_of_request() const {
    if (request_.fields.count("inference-header-content-length") == 0) return std::nullopt;
    return request_.field("inference-header-content-length");
  }

  void count(Code code, const std::string& reason) const {
    context_.refusals.add(code);
    if (!context_.observer) return;
    context_.observer->turned_away({.identity = admission_.identity,
                                    .id = infer_.message ? infer_.message->id() : "",
                                    .model = target_.model,
                                    .traceparent = std::string(request_.field(trace::kTraceparentKey)),
                                    .code = code,
                                    .reason = reason});
  }

  void read() {
    context_.access.check(admission_.identity, target_.model);
    if (is_compressed(request_)) {
      const auto most = most_inflated_bytes(static_cast<int64_t>(request_.body.size()), static_cast<int64_t>(body_bytes_));
      admission_.bytes = context_.bytes.take(most);  // what it may become, until that is known
      inflate_request(request_, body_bytes_);
      admission_.bytes.release(), admission_.bytes = context_.bytes.take(static_cast<int64_t>(request_.body.size()));
    }
    const auto model = context_.repository.find(target_.model, target_.version);
    infer_ = read_infer_request(request_.body, json_bytes_of_request(), model->interface());
    check_json_types(*infer_.message, infer_.binary, model->interface());
  }

  std::shared_ptr<Inference> make_inference() {
    try {
      read();
    } catch (const HttpError& error) {
      count(Code::kInvalidArgument, error.what());
      throw;
    } catch (...) {
      const auto refusal = current_refusal();
      count(refusal.code(), refusal.what());
      throw refusal;
    }
    CallNotes notes{.traceparent = std::string(request_.field(trace::kTraceparentKey)),
                    .device = std::string(request_.field(protocol::kDeviceKey)),
                    .report = std::string(request_.field(protocol::kReportKey)),
                    .bytes = static_cast<int64_t>(request_.body.size())};
    request_ = {};  // the message has what it needs of it
    infer_.message->set_model_name(target_.model);
    infer_.message->set_model_version(target_.version);
    return std::make_shared<Inference>(
        context_.infer(), std::move(admission_), std::move(notes), std::move(infer_.message), std::nullopt,
        [binary = infer_.binary, respond = respond_](const Reply& reply) { return hand_over(reply, binary, respond); },
        [binary = infer_.binary](const Reply& reply) { check_json_values(reply.head, reply.outputs, binary); });
  }

  const ServiceContext context_;
  Request request_;
  const Target target_;
  const size_t body_bytes_;  // that a compressed body may become
  const Respond respond_;
  Admission admission_;
  InferRequest infer_;
  HeldInference inference_;
};

}  // namespace

bool BinaryOutputs::wants(const std::string& output) const {
  const auto it = by_name.find(output);
  return it == by_name.end() ? by_default : it->second;
}

Cancel start_infer(const ServiceContext& context, Request&& request, const std::string& name, const std::string& version, size_t body_bytes,
                   const Respond& respond) {
  auto admission = admit(context.access, context.refusals, context.observer.get(),
                         [&] { return identity_of(request.caller, context.tls); });  // a flood is turned away before its bytes are inflated or parsed
  const auto call = std::make_shared<InferCall>(context, std::move(request), Target{name, version}, body_bytes, respond, std::move(admission));
  if (call->takes_long_to_read()) call->start_on(context.decoders);
  else call->start();
  return [call] { call->cancel(); };
}

}  // namespace scissionlite::server::http
