// Inference over HTTP: a request's body to the message that every front end checks and runs, and the reply to a body.
//
// Copies of a tensor's bytes: from the socket into the body, and from there into the message (gRPC has the second alone);
// an answer's tensors are copied once out of the engine's buffers, as gRPC's are. Data as JSON is written into the
// tensor's bytes while it is parsed, and from them into the answer's body: it never becomes a tree.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/call/inflate.h"
#include "server/http/exchange.h"
#include "server/inference/service_context.h"

namespace scissionlite::server::http {

/// Which outputs are to come as bytes behind the JSON.
struct BinaryOutputs {
  bool by_default = false;
  std::map<std::string, bool, std::less<>> by_name;

  [[nodiscard]] bool wants(const std::string& output) const;
};

struct InferRequest {
  std::shared_ptr<inference::ModelInferRequest> message;  // all data as raw contents
  BinaryOutputs binary;
};

/// @param json_bytes  the field Inference-Header-Content-Length: bytes of JSON before the binary data; nothing: all is JSON;
///   "0": there is no JSON, and the body is the only input of `model` (one item of a batch).
/// @param growth  counts what data as JSON becomes.
/// @throws Refusal (kInvalidArgument) or InvalidArgument saying what is wrong with the body; Refusal (kUnavailable) where `growth` finds no room.
[[nodiscard]] InferRequest read_infer_request(std::string_view body, std::optional<std::string_view> json_bytes, const ModelInterface& model,
                                              GrowingTicket& growth);

/// The JSON of a body, "" where there is none; `json_bytes` as above. @throws Refusal (kInvalidArgument) for more than there is, or no number.
[[nodiscard]] std::string_view json_of(std::string_view body, const std::optional<std::string_view>& json_bytes);

/// Of the field Inference-Header-Content-Length; nothing where it is no number.
[[nodiscard]] std::optional<uint64_t> number_of(std::string_view text);

/// A reply that may be kept: its tensors are copies.
struct KeptReply {
  inference::ModelInferResponse head;
  std::vector<Tensor> outputs;
};
/// Before anything is computed. @throws Refusal (kInvalidArgument) for an output of a type that JSON has no form for and that is not asked for as
/// bytes.
void check_json_types(const inference::ModelInferRequest& request, const BinaryOutputs& binary, const ModelInterface& model);
/// Of a result. @throws Refusal (kInvalidArgument) for values that JSON cannot hold.
void check_json_values(const inference::ModelInferResponse& head, const std::vector<Tensor>& outputs, const BinaryOutputs& binary);
/// At least as many bytes as the JSON of an answer's data will have, but for characters of BYTES that JSON escapes.
[[nodiscard]] size_t most_json_bytes(const KeptReply& reply, const BinaryOutputs& binary);
/// Of what was checked. @param growth  counts the JSON while it grows. @throws Refusal (kUnavailable) where that finds no room.
[[nodiscard]] Response write_infer_response(const KeptReply& reply, const BinaryOutputs& binary, GrowingTicket& growth);

/// How an answer is to go.
struct AnswerForm {
  BinaryOutputs binary;
  std::optional<Coding> coding;  // compressed
};
/// What writing an answer takes of the server.
struct AnswerMeans {
  WorkPool& pool;  // for what takes long
  BytesInFlight& bytes;
  RefusalCounts& refusals;
};
/// Must not throw: without an answer the connection would wait for ever. What takes long to write is written by the pool, so that the threads of the
/// network, which answer health checks, never do. Returns when the reply was ready to be written, in nanoseconds of the steady clock.
int64_t hand_over(const AnswerMeans& means, const Reply& reply, const AnswerForm& form, const Respond& respond);

/// Access is asked first. A body that comes compressed becomes at most `body_bytes`.
/// @throws Refusal, HttpError for what is wrong with the request as such.
[[nodiscard]] Cancel start_infer(const ServiceContext& context, Request&& request, const std::string& model, const std::string& version,
                                 size_t body_bytes, const Respond& respond);

}  // namespace scissionlite::server::http
