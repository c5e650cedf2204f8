// Is the tail on the edge the other half of this head? A claim is compared where there is one, and a stored probe always:
// a config file can be wrong, and a stock server makes no claim.
#pragma once

#include "offload/edge.h"
#include "prepare/package.h"

namespace scissionlite::offload {

/// @throws InvalidArgument: the edge speaks no version of ScissionLite's protocol that this device speaks; stock servers speak none, and need not.
void check_versions(const Edge& edge, const protocol::ServerMetadata& server);

/// Compares the edge's claim of model_sha256 with the package, sends the stored probe tensors and compares the answer.
/// @param tolerance  largest difference allowed, as a share of the answer's largest magnitude; different engines on the
///                   same tail stay below 1e-3 in f32. @param metadata  of the call.
/// @return what the edge claims of the model.
/// @throws OtherTail: the edge holds another tail, or none (names the model and both hashes); InvalidArgument: it answers differently (names the
/// difference).
/// @throws TransportError: the edge could not be asked.
std::map<std::string, std::string> check_identity(Edge& edge, const Manifest& manifest, const ProbeTensors& probe, double tolerance,
                                                  double deadline_us, const std::vector<std::pair<std::string, std::string>>& metadata = {});

/// A request to the tail, with its hash.
[[nodiscard]] protocol::InferRequest make_request(const Manifest& manifest, std::vector<protocol::WireTensor> inputs, std::string id);

/// An input of datatype BYTES for an edge-only candidate. `codec` is what the server is told: jpeg, png, webp, raw, file.
[[nodiscard]] protocol::WireTensor blob_input(const std::string& name, std::string bytes, const std::string& codec);
/// "jpeg-q90-420" -> "jpeg"; "tensor" and "" -> "" (a tensor is sent as it is).
[[nodiscard]] std::string wire_codec(const Manifest& manifest);

}  // namespace scissionlite::offload
