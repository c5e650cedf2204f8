#include "compress/two_four.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "compress/sparse_rows.h"

namespace scissionlite::compress {
namespace {

constexpr int64_t kOutputsMultiple = 8, kInputsMultiple = 16;

std::string reason_against(const SparseLayer& layer) {
  if (layer.outputs % kOutputsMultiple != 0) return std::to_string(layer.outputs) + " outputs are no multiple of " + std::to_string(kOutputsMultiple);
  if (layer.inputs % kInputsMultiple != 0) return std::to_string(layer.inputs) + " inputs are no multiple of " + std::to_string(kInputsMultiple);
  return "";
}

/// Places of the two largest of four.
std::array<int, 2> two_largest(const std::array<float, 4>& values) {
  int first = 0;
  for (int i = 1; i < 4; ++i)
    if (values[static_cast<size_t>(i)] > values[static_cast<size_t>(first)]) first = i;
  int second = first == 0 ? 1 : 0;
  for (int i = 0; i < 4; ++i)
    if (i != first && values[static_cast<size_t>(i)] > values[static_cast<size_t>(second)]) second = i;
  return {first, second};
}

}  // namespace

std::vector<SparseLayer> find_sparse_layers(const Graph& graph) {
  std::vector<SparseLayer> out;
  for (const auto& node : graph.nodes) {
    const bool is_conv = node.op_type == "Conv", is_gemm = node.op_type == "Gemm", is_matmul = node.op_type == "MatMul";
    if (!node.domain.empty() || !(is_conv || is_gemm || is_matmul) || node.inputs.size() < 2) continue;
    const auto it = graph.initializers.find(node.inputs[1]);
    if (it == graph.initializers.end() || it->second.dtype() != Dtype::kF32) continue;
    const auto& shape = it->second.shape();
    if (is_conv ? shape.size() < 3 : shape.size() != 2) continue;
    SparseLayer layer{node.label(), node.inputs[1], node.op_type, is_matmul || (is_gemm && node.int_attribute("transB", 0) == 0), 0, 0, 1, ""};
    layer.outputs = shape[layer.is_transposed ? 1 : 0];
    layer.inputs = shape[layer.is_transposed ? 0 : 1];
    for (size_t d = 2; d < shape.size(); ++d) layer.taps *= shape[d];
    layer.not_eligible = reason_against(layer);
    out.push_back(std::move(layer));
  }
  return out;
}

TwoFourShare two_four_share(const SparseLayer& layer, const Tensor& weights) {
  TwoFourShare out;
  const SparseRows rows(layer);
  const auto values = weights.as<float>();
  out.values = weights.size();
  out.zeros = std::count(values.begin(), values.end(), 0.0F);
  rows.for_each_group([&](const std::array<size_t, 4>& places) {
    ++out.groups;
    out.satisfied += std::count_if(places.begin(), places.end(), [&](size_t place) { return values[place] == 0; }) >= 2;
  });
  return out;
}

Tensor two_four_mask(const SparseLayer& layer, const Tensor& weights) {
  Tensor mask(Dtype::kF32, weights.shape());
  const auto values = weights.as<float>();
  const auto ones = mask.mutable_as<float>();
  std::fill(ones.begin(), ones.end(), layer.inputs % 4 == 0 ? 0.0F : 1.0F);  // what makes no whole group stays
  SparseRows(layer).for_each_group([&](const std::array<size_t, 4>& places) {
    std::array<float, 4> magnitudes{};
    for (size_t i = 0; i < 4; ++i) magnitudes[i] = std::abs(values[places[i]]), ones[places[i]] = 0;
    for (const int kept : two_largest(magnitudes)) ones[places[static_cast<size_t>(kept)]] = 1;
  });
  return mask;
}

Tensor masked(const Tensor& weights, const Tensor& mask) {
  Tensor out(Dtype::kF32, weights.shape());
  const auto values = weights.as<float>(), ones = mask.as<float>();
  std::transform(values.begin(), values.end(), ones.begin(), out.mutable_as<float>().begin(),
                 [](float value, float one) { return one == 0 ? 0.0F : value; });
  return out;
}

}  // namespace scissionlite::compress
