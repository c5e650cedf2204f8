#include "offload/identity.h"

#include <cmath>

#include "base/clock.h"
#include "base/text.h"
#include "protocol/versions.h"

namespace scissionlite::offload {
namespace {

std::string wrong_tail(const Edge& edge, const Manifest& manifest, const std::string& why) {
  return "[offload] WRONG TAIL: the edge " + edge.address() + " does not hold the tail of this package: model '" + manifest.tail_name + "' " + why +
         "; serve the model repository that was written together with this package by `scissionlite prepare`, or prepare both again";
}

[[noreturn]] void refuse(const Edge& edge, const Manifest& manifest, const std::string& why) {
  throw InvalidArgument(wrong_tail(edge, manifest, why));
}

std::map<std::string, std::string> compare_claim(Edge& edge, const Manifest& manifest) {
  std::map<std::string, std::string> claims;
  try {
    claims = edge.claims(manifest.tail_name, manifest.tail_sha256);
  } catch (const InvalidArgument& e) { throw OtherTail(wrong_tail(edge, manifest, std::string("is not served (") + e.what() + ")")); }
  const auto claim = claims.find(kModelHashKey);
  if (claim != claims.end() && claim->second != manifest.tail_sha256)
    throw OtherTail(wrong_tail(edge, manifest, "has sha256 " + claim->second + ", expected " + manifest.tail_sha256));
  return claims;
}

/// For edge-only plans with a codec the probe holds an encoded image, which tests the edge's decoding too.
std::vector<protocol::WireTensor> probe_inputs(const Manifest& manifest, const ProbeTensors& probe) {
  const std::string codec = wire_codec(manifest);
  std::vector<protocol::WireTensor> inputs;
  for (const auto& [name, tensor] : probe.inputs) {
    if (codec.empty()) {
      inputs.push_back({.name = name, .tensor = tensor, .blob = {}, .strings = {}, .parameters = {}});
    } else {
      const auto bytes = tensor.bytes();
      inputs.push_back(blob_input(name, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), codec));
    }
  }
  return inputs;
}

const Tensor* find_output(const protocol::InferResult& result, const std::string& name) {
  for (const auto& output : result.outputs)
    if (output.name == name) return &output.tensor;
  return nullptr;
}

void compare_answer(const Edge& edge, const Manifest& manifest, const ProbeTensors& probe, const protocol::InferResult& result, double tolerance) {
  for (const auto& [name, expected] : probe.outputs) {
    const Tensor* given = find_output(result, name);
    if (given == nullptr) refuse(edge, manifest, "has no output '" + name + "'");
    if (given->size() != expected.size())
      refuse(edge, manifest, "answers the probe with shape " + to_string(given->shape()) + ", expected " + to_string(expected.shape()));
    const double difference = max_relative_error(given->reshaped(expected.shape()).to_f32(), expected.to_f32());
    if (!(difference <= tolerance))
      refuse(edge, manifest,
             "answers the probe differently in output '" + name + "': by " + format_fixed(difference * 100, 3) + " % of the largest value, allowed " +
                 format_fixed(tolerance * 100, 3) + " %");
  }
}

}  // namespace

std::string wire_codec(const Manifest& manifest) {
  const Candidate candidate = candidate_from_key(manifest.candidate);
  if (candidate.kind != Candidate::Kind::kEdge || candidate.codec == "tensor") return "";
  return candidate.codec.substr(0, candidate.codec.find('-'));
}

protocol::WireTensor blob_input(const std::string& name, std::string bytes, const std::string& codec) {
  return {.name = name, .tensor = {}, .blob = std::move(bytes), .blob_shape = {1}, .strings = {}, .parameters = {{"codec", codec}}};
}

protocol::InferRequest make_request(const Manifest& manifest, std::vector<protocol::WireTensor> inputs, std::string id) {
  protocol::InferRequest request;
  request.model = manifest.tail_name;
  request.id = std::move(id);
  request.parameters[kModelHashKey] = manifest.tail_sha256;
  request.inputs = std::move(inputs);
  return request;
}

void check_versions(const Edge& edge, const protocol::ServerMetadata& server) {
  std::string why;
  try {
    const auto theirs = protocol::versions_of_server(server.name, server.extensions);
    if (theirs) why = protocol::disagreement(*theirs, protocol::kVersions);
  } catch (const InvalidArgument& e) { why = e.what(); }
  if (!why.empty()) throw InvalidArgument("[offload] the edge " + edge.address() + ": " + why);
}

std::map<std::string, std::string> check_identity(Edge& edge, const Manifest& manifest, const ProbeTensors& probe, double tolerance,
                                                  double deadline_us, const std::vector<std::pair<std::string, std::string>>& metadata) {
  constexpr double kSilent = 0.98;  // of its time: it was given up, not refused
  auto claims = compare_claim(edge, manifest);
  protocol::InferResult result;
  const double start_us = Clock::steady().now_us();
  try {
    auto request = make_request(manifest, probe_inputs(manifest, probe), "probe");
    request.metadata = metadata;
    result = edge.infer(request, deadline_us);
  } catch (const InvalidArgument& e) {
    refuse(edge, manifest, std::string("refuses the probe (") + e.what() + ")");
  } catch (const TransportError& e) {
    if (Clock::steady().now_us() - start_us < kSilent * deadline_us) throw;
    throw TooSlow(e.what());
  }
  compare_answer(edge, manifest, probe, result, tolerance);
  return claims;
}

}  // namespace scissionlite::offload
