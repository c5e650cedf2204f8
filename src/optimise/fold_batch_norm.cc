// y * scale + offset after Conv, ConvTranspose or Gemm -> other weights and bias. With w a weight of output channel c:
//   (sum w x + b) * scale[c] + offset[c] = sum (w * scale[c]) x + (b * scale[c] + offset[c])
// So BatchNormalization, and Mul, Div, Add, Sub of one constant a channel, cost nothing at run time.
#include <algorithm>

#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

bool is_gemm(const Node& node) { return is_onnx(node, "Gemm"); }

/// Without residual and activation, behind which the sum is no longer the last thing done.
bool ends_in_sum(const Node& node) {
  if (is_onnx(node, {"Conv", "ConvTranspose", "Gemm"})) return true;
  return is_fused(node, "FusedConv") && input_of(node, 3).empty() && !node.has("activation");
}

int64_t channels_of(const Node& node, const Shape& w) {
  if (is_gemm(node)) return w[node.int_attribute("transB", 0) != 0 ? 0 : 1];
  return is_onnx(node, "ConvTranspose") ? w[1] * node.int_attribute("group", 1) : w[0];
}

/// Neighbouring weights that add to one output channel: how many, and which channel the i-th group of them adds to.
struct WeightRuns {
  int64_t length = 1, channels = 1;  // groups go round the channels of an outer step ...
  int64_t per_group_in = 0;          // ... which in a ConvTranspose has so many steps a group
  [[nodiscard]] int64_t channel(int64_t i) const { return per_group_in == 0 ? i % channels : i / channels / per_group_in * channels + i % channels; }
};
WeightRuns runs_of(const Node& node, const Shape& w) {
  const int64_t taps = element_count({w.begin() + 2, w.end()});
  if (is_gemm(node)) return node.int_attribute("transB", 0) != 0 ? WeightRuns{w[1], w[0], 0} : WeightRuns{1, w[1], 0};
  if (is_onnx(node, "ConvTranspose")) return {taps, w[1], w[0] / node.int_attribute("group", 1)};
  return {w[1] * taps, w[0], 0};
}

Tensor scaled_weights(const Node& node, const Tensor& weights, const std::vector<double>& scale) {
  const auto runs = runs_of(node, weights.shape());
  Tensor out(Dtype::kF32, weights.shape());
  const auto from = weights.as<float>();
  auto to = out.mutable_as<float>();
  const auto length = static_cast<size_t>(runs.length);
  for (size_t at = 0; at < to.size(); at += length) {
    const double factor = scale[static_cast<size_t>(runs.channel(static_cast<int64_t>(at / length)))];
    for (size_t e = at; e < at + length; ++e) to[e] = static_cast<float>(from[e] * factor);
  }
  return out;
}

/// One value a channel; zeros where the node has no bias, nothing where it is not constant.
std::optional<std::vector<double>> bias_of(const Rewriter& r, const Node& node, int64_t channels) {
  const auto name = input_of(node, 2);
  if (name.empty()) return std::vector<double>(static_cast<size_t>(channels), 0.0);
  const Tensor* bias = r.constant(name);
  if (!bias || (!is_gemm(node) && bias->size() != channels)) return std::nullopt;
  auto values = per_channel(is_gemm(node) ? *bias : bias->reshaped({1, channels}), channels, 2);
  if (values && is_gemm(node))
    for (auto& v : *values) v *= node.float_attribute("beta", 1);
  return values;
}

/// Float32 weights of a known shape, as many output channels as the affine part has.
bool weights_fit(const Node& node, const Tensor* weights, const Affine& affine) {
  return weights && weights->dtype() == Dtype::kF32 && weights->shape().size() >= 2 && channels_of(node, weights->shape()) == affine.channels();
}

bool fold(Rewriter& r, size_t i) {
  const auto affine = affine_of(r, i);
  const auto before = affine ? r.inner_producer(affine->data) : std::nullopt;
  if (!before || !ends_in_sum(r.node(*before)) || !r.may_merge(*before, i)) return false;
  Node merged = r.node(*before);
  const std::string unscaled = merged.inputs[1];
  const Tensor* weights = r.constant(merged.inputs[1]);
  const auto bias = weights_fit(merged, weights, *affine) ? bias_of(r, merged, affine->channels()) : std::nullopt;
  if (!bias) return false;
  std::vector<double> offset = affine->offset;
  for (size_t c = 0; c < offset.size(); ++c) offset[c] += (*bias)[c] * affine->scale[c];
  if (affine->scales()) merged.inputs[1] = r.add_constant(merged.inputs[1] + "_scaled", scaled_weights(merged, *weights, affine->scale));
  set_input(merged, 2, r.add_constant(merged.inputs[1] + "_offset", to_tensor(offset)));
  if (is_gemm(merged)) merged.attributes.erase("beta");
  r.merge(*before, i, std::move(merged));
  r.drop_if_unread(unscaled);
  return true;
}

}  // namespace

int fold_batch_norm(Graph& graph) { return sweep(graph, {fold}); }

}  // namespace scissionlite::passes
