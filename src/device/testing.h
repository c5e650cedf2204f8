// For the tests of this folder: a package of a tiny model, and what its tail answers.
#pragma once

#include <atomic>

#include "device/halves.h"
#include "offload/testing.h"
#include "onnx/onnx.h"
#include "prepare/package.h"

namespace scissionlite::device::testing {

using namespace offload::testing;

/// x (1, 3, 4, 4) -> head: Relu -> cut0 -> tail: GlobalAveragePool * `scale` -> scores (1, 3, 1, 1), of an image's RGB means.
inline Graph tiny_head() {
  Graph g;
  g.name = "head";
  g.opsets = {{"", 13}};
  g.inputs = {{.name = "x", .dtype = Dtype::kF32, .shape = {1, 3, 4, 4}, .has_shape = true, .symbols = {}}};
  g.outputs = {{.name = "cut0", .dtype = Dtype::kF32, .shape = {1, 3, 4, 4}, .has_shape = true, .symbols = {}}};
  g.nodes = {{.name = "relu", .op_type = "Relu", .domain = "", .inputs = {"x"}, .outputs = {"cut0"}, .attributes = {}, .doc = ""}};
  return g;
}
inline Graph tiny_tail(const std::string& input, float scale) {
  Graph g;
  g.name = "tail";
  g.opsets = {{"", 13}};
  g.inputs = {{.name = input, .dtype = Dtype::kF32, .shape = {1, 3, 4, 4}, .has_shape = true, .symbols = {}}};
  g.outputs = {{.name = "scores", .dtype = Dtype::kF32, .shape = {1, 3, 1, 1}, .has_shape = true, .symbols = {}}};
  g.initializers["scale"] = Tensor::of<float>({1, 3, 1, 1}, {scale, 1.0F, 1.0F});
  g.nodes = {{.name = "mean", .op_type = "GlobalAveragePool", .domain = "", .inputs = {input}, .outputs = {"m"}, .attributes = {}, .doc = ""},
             {.name = "mul", .op_type = "Mul", .domain = "", .inputs = {"m", "scale"}, .outputs = {"scores"}, .attributes = {}, .doc = ""}};
  return g;
}

/// Of sources that nothing stops.
inline const std::atomic<bool> kNoStop{false};

inline Tensor run_tail(const Tensor& cut, float scale = 1) {
  const auto v = cut.as<float>();
  Tensor out(Dtype::kF32, {1, 3, 1, 1});
  for (size_t c = 0; c < 3; ++c) {
    float sum = 0;
    for (size_t i = 0; i < 16; ++i) sum += v[c * 16 + i];
    out.mutable_as<float>()[c] = sum / 16 * (c == 0 ? scale : 1);
  }
  return out;
}

/// What an edge holding the tail (`scale` 1) or another of the same shapes answers.
inline protocol::InferResult answer_of_tail(const protocol::InferRequest& request, float scale = 1) {
  protocol::InferResult result;
  result.id = request.id;
  result.model = request.model;
  result.outputs.push_back({.name = "scores", .tensor = run_tail(request.inputs.at(0).tensor, scale), .blob = {}, .parameters = {}});
  result.parameters = {{"queue_us", int64_t{5}}, {"decode_us", int64_t{0}}, {"compute_us", int64_t{40}}};
  result.serialize_us = 3;
  result.request_bytes = 300;
  return result;
}

/// A package of the tiny model in `folder`: candidate "split/cut0/fp32", "edge/tensor", "edge/png", "edge/file" or "local".
inline DevicePackage tiny_package(const fs::path& folder, const std::string& candidate) {
  fs::create_directories(folder);
  DevicePackage package;
  package.folder = folder;
  const bool is_split = candidate.starts_with("split");
  const bool is_blob = candidate.starts_with("edge/") && candidate != "edge/tensor";
  const std::string wire = is_split ? "cut0" : "x";
  constexpr const char* kTailSha256 = "5ca1e1";
  if (is_split) {
    auto head = tiny_head();
    head.metadata[kTailMetadataKey] = kTailSha256;
    save_model(head, package.head_path());
  }
  save_model(tiny_tail(wire, 1), package.local_path());
  auto& m = package.manifest;
  m.role = "device";
  m.model_name = "tiny";
  m.tail_name = "tiny_tail";
  m.candidate = candidate;
  m.tail_sha256 = kTailSha256;
  m.output_names = {"scores"};
  if (candidate != "local") m.wire = {{.name = wire, .dtype = Dtype::kF32, .shape = {1, 3, 4, 4}, .has_shape = true, .symbols = {}}};
  package.input.width = package.input.height = 4;
  package.input.labels = {"red", "green", "blue"};
  if (candidate == "local") return package;
  std::vector<float> values(48);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 48;
  ProbeTensors probe;
  const Tensor cut = Tensor::of<float>({1, 3, 4, 4}, std::span<const float>(values));
  if (is_blob) probe.inputs = {{wire, Tensor::of<uint8_t>({3}, {1, 2, 3})}};
  else probe.inputs = {{wire, cut}};
  probe.outputs = {{"scores", run_tail(cut)}};
  write_file(folder / "probe.bin", serialize(probe));
  return package;
}

/// A 4 x 4 image of one colour.
inline vision::Image plain_image(uint8_t r, uint8_t g, uint8_t b) {
  vision::Image image{.width = 4, .height = 4, .rgb = {}};
  for (int i = 0; i < 16; ++i) image.rgb.insert(image.rgb.end(), {r, g, b});
  return image;
}

}  // namespace scissionlite::device::testing
