#include <algorithm>

#include "protocol/device_keys.h"
#include "server/call/inflate.h"
#include "server/call/names.h"
#include "server/call/retry_hint.h"
#include "server/http/deflate.h"
#include "server/http/infer_internal.h"
#include "server/http/inflate.h"
#include "server/http/meant_model.h"
#include "server/inference/held_inference.h"

namespace scissionlite::server::http {
namespace {

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

  void inflate() {
    const auto most = most_inflated_bytes(static_cast<int64_t>(request_.body.size()), static_cast<int64_t>(body_bytes_));
    admission_.bytes = context_.bytes.take(most);  // what it may become, until that is known
    inflate_request(request_, body_bytes_);
    admission_.bytes.release(), admission_.bytes = context_.bytes.take(static_cast<int64_t>(request_.body.size()));
  }

  void read() {
    context_.access.check(admission_.identity, target_.model);
    const auto sent_bytes = static_cast<int64_t>(request_.body.size());
    if (is_compressed(request_)) inflate();
    const std::string body = std::move(request_.body);  // which ends here: the message has what it needs of it
    read_bytes_ = static_cast<int64_t>(body.size());
    const auto usual = context_.repository.find(target_.model, target_.version);
    const auto model = meant_model(context_.repository, usual, target_.version, json_of(body, json_bytes_of_request()));
    GrowingTicket growth(context_.bytes, read_bytes_);
    infer_ = read_infer_request(body, json_bytes_of_request(), model->interface(), growth);
    check_json_types(*infer_.message, infer_.binary, model->interface());
    int64_t bytes = 0;
    for (const auto& raw : infer_.message->raw_input_contents()) bytes += static_cast<int64_t>(raw.size());
    admission_.bytes.release(), admission_.bytes = context_.bytes.hold(std::max<int64_t>(0, bytes - sent_bytes));  // the connection counts the others
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
                    .bytes = read_bytes_};
    const AnswerForm form{.binary = std::move(infer_.binary), .coding = coding_asked_for(request_.field("accept-encoding"))};
    request_ = {};
    infer_.message->set_model_name(target_.model);
    infer_.message->set_model_version(target_.version);
    return std::make_shared<Inference>(
        context_.infer(), std::move(admission_), std::move(notes), std::move(infer_.message), std::nullopt,
        [means = AnswerMeans{context_.decoders, context_.bytes, context_.refusals}, form, respond = respond_](const Reply& reply) {
          return hand_over(means, reply, form, respond);
        },
        [binary = form.binary](const Reply& reply) { check_json_values(reply.head, reply.outputs, binary); });
  }

  const ServiceContext context_;
  Request request_;
  const Target target_;
  const size_t body_bytes_;  // that a compressed body may become
  int64_t read_bytes_ = 0;   // that it became
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
