#include <algorithm>
#include <cmath>

#include "server/http/infer_internal.h"

namespace scissionlite::server::http {
namespace {

KeptReply keep(const Reply& reply) {
  KeptReply kept{.head = reply.head, .outputs = {}};
  for (const auto& output : reply.outputs) kept.outputs.push_back(output.clone());  // the engine reuses its buffer
  return kept;
}

Response refused(const grpc::Status& status, double retry_after_us) {
  auto response = error_response(http_status(static_cast<Code>(status.error_code())), status.error_message());
  if (response.status == 503) {
    response.fields.emplace_back("Retry-After", std::to_string(std::max<int64_t>(1, static_cast<int64_t>(std::ceil(retry_after_us * 1e-6)))));
    response.fields.emplace_back("Retry-After-Ms", std::to_string(std::max<int64_t>(1, static_cast<int64_t>(retry_after_us * 1e-3))));  // whole seconds are long
  }
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

Cancel start_infer(const ServiceContext& context, Request&& request, const std::string& name, const std::string& version, const Respond& respond) {
  InferRequest infer;
  try {
    std::optional<std::string_view> json_bytes;
    if (request.fields.count("inference-header-content-length")) json_bytes = request.field("inference-header-content-length");
    infer = read_infer_request(request.body, json_bytes, context.repository.find(name, version)->interface());
  } catch (...) {
    const auto refusal = current_refusal();
    context.refusals.add(refusal.code());
    throw refusal;
  }
  request.body = {};  // the message has what it needs of it
  infer.message->set_model_name(name);
  infer.message->set_model_version(version);
  auto inference = std::make_shared<Inference>(context.infer(), std::move(infer.message), std::nullopt,
                                               [binary = std::move(infer.binary), respond](const Reply& reply) { hand_over(reply, binary, respond); });
  inference->start();
  return [inference] { inference->cancel(); };
}

}  // namespace scissionlite::server::http
