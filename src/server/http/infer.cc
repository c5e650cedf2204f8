#include "protocol/device_keys.h"
#include "server/http/infer_internal.h"
#include "server/http/inflate.h"

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

/// Must not throw: without an answer the connection would wait for ever.
void hand_over(const Reply& reply, const BinaryOutputs& binary, const Respond& respond) {
  try {
    if (!reply.status.ok()) respond([status = reply.status, retry_after_us = reply.retry_after_us] { return refused(status, retry_after_us); });
    else respond([kept = std::make_shared<const KeptReply>(keep(reply)), binary] { return write_infer_response(*kept, binary); });
  } catch (const std::exception&) {
    respond([]() -> Response { throw Refusal(Code::kResourceExhausted, "the server is out of memory for this answer; send a smaller batch"); });
  }
}

}  // namespace

bool BinaryOutputs::wants(const std::string& output) const {
  const auto it = by_name.find(output);
  return it == by_name.end() ? by_default : it->second;
}

Cancel start_infer(const ServiceContext& context, Request&& request, const std::string& name, const std::string& version, size_t body_bytes,
                   const Respond& respond) {
  auto admission = admit(context.access, context.refusals, context.observer.get(),
                         [&] { return identity_of(request.caller, context.tls); });  // a flood is turned away before its bytes are inflated or parsed
  InferRequest infer;
  const auto count = [&](Code code, const std::string& reason) {
    context.refusals.add(code);
    if (!context.observer) return;
    context.observer->turned_away({.identity = admission.identity,
                                   .id = infer.message ? infer.message->id() : "",
                                   .model = name,
                                   .traceparent = std::string(request.field(trace::kTraceparentKey)),
                                   .code = code,
                                   .reason = reason});
  };
  try {
    context.access.check(admission.identity, name);
    if (is_compressed(request)) {
      admission.bytes = context.bytes.take(static_cast<int64_t>(body_bytes));  // what it may become, until that is known
      inflate_request(request, body_bytes);
      admission.bytes.release(), admission.bytes = context.bytes.take(static_cast<int64_t>(request.body.size()));
    }
    std::optional<std::string_view> json_bytes;
    if (request.fields.count("inference-header-content-length")) json_bytes = request.field("inference-header-content-length");
    const auto model = context.repository.find(name, version);
    infer = read_infer_request(request.body, json_bytes, model->interface());
    check_json_types(*infer.message, infer.binary, model->interface());
  } catch (const HttpError& error) {
    count(Code::kInvalidArgument, error.what());
    throw;
  } catch (...) {
    const auto refusal = current_refusal();
    count(refusal.code(), refusal.what());
    throw refusal;
  }
  CallNotes notes{.traceparent = std::string(request.field(trace::kTraceparentKey)),
                  .device = std::string(request.field(protocol::kDeviceKey)),
                  .report = std::string(request.field(protocol::kReportKey)),
                  .bytes = static_cast<int64_t>(request.body.size())};
  request.body = {};  // the message has what it needs of it
  infer.message->set_model_name(name);
  infer.message->set_model_version(version);
  auto inference = std::make_shared<Inference>(
      context.infer(), std::move(admission), std::move(notes), std::move(infer.message), std::nullopt,
      [binary = infer.binary, respond](const Reply& reply) { hand_over(reply, binary, respond); },
      [binary = infer.binary](const Reply& reply) { check_json_values(reply.head, reply.outputs, binary); });
  inference->start();
  return [inference] { inference->cancel(); };
}

}  // namespace scissionlite::server::http
