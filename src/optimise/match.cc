#include "optimise/match.h"

#include <algorithm>
#include <cmath>

#include "optimise/rewriter.h"

namespace scissionlite {

bool is_onnx(const Node& node, std::string_view type) { return node.domain.empty() && node.op_type == type; }
bool is_onnx(const Node& node, std::initializer_list<std::string_view> types) {
  return std::any_of(types.begin(), types.end(), [&](auto type) { return is_onnx(node, type); });
}
bool is_fused(const Node& node, std::string_view type) { return node.domain == ops::kFusedDomain && node.op_type == type; }
bool is_conv(const Node& node) { return is_onnx(node, "Conv") || is_fused(node, "FusedConv"); }
bool is_add(const Node& node) { return is_onnx(node, {"Add", "Sum"}) && node.inputs.size() == 2; }

std::string input_of(const Node& node, size_t i) { return i < node.inputs.size() ? node.inputs[i] : ""; }

void set_input(Node& node, size_t i, const std::string& value) {
  if (node.inputs.size() <= i) node.inputs.resize(i + 1);
  node.inputs[i] = value;
}

bool has_one_result(const Rewriter& r, const Node& node) {
  return std::none_of(node.outputs.begin() + 1, node.outputs.end(), [&](const auto& output) { return !output.empty() && r.is_read(output); });
}

std::optional<float> scalar(const Rewriter& r, const std::string& value) {
  const Tensor* tensor = r.constant(value);
  if (!tensor || tensor->dtype() != Dtype::kF32 || tensor->size() != 1) return std::nullopt;
  return tensor->as<float>()[0];
}

bool is_near(std::optional<float> value, double wanted) { return value && std::fabs(*value - wanted) <= 1e-6 * std::fabs(wanted); }

std::optional<WithConstant> with_constant(const Rewriter& r, const Node& node) {
  if (node.inputs.size() != 2) return std::nullopt;
  const auto known = [&](size_t i) {
    const Tensor* tensor = r.constant(node.inputs[i]);
    return tensor && tensor->dtype() == Dtype::kF32;
  };
  if (known(0) == known(1)) return std::nullopt;
  return known(0) ? WithConstant{node.inputs[1], node.inputs[0], /*constant_first=*/true}
                  : WithConstant{node.inputs[0], node.inputs[1], /*constant_first=*/false};
}

std::optional<std::vector<double>> per_channel(const Tensor& constant, int64_t channels, size_t rank) {
  const auto& shape = constant.shape();
  if (constant.dtype() != Dtype::kF32 || shape.size() > rank || channels < 1 || rank < 2) return std::nullopt;
  const auto values = constant.as<float>();
  if (constant.size() == 1) return std::vector<double>(static_cast<size_t>(channels), values[0]);
  for (size_t d = 0; d < shape.size(); ++d)
    if (shape[d] != (d + rank - shape.size() == 1 ? channels : 1)) return std::nullopt;
  return std::vector<double>(values.begin(), values.end());
}

bool Affine::scales() const {
  return std::any_of(scale.begin(), scale.end(), [](double v) { return v != 1; });
}

namespace {

/// (x - mean) / sqrt(var + epsilon) * scale + bias. Statistics of the batch itself and of single positions (spatial=0, opset 7) are another
/// function.
std::optional<Affine> batch_norm(const Rewriter& r, const Node& node) {
  if (node.inputs.size() != 5 || !has_one_result(r, node) || !ops::lack_of({node, r.opset()}).empty() || node.int_attribute("spatial", 1) == 0)
    return std::nullopt;
  const Tensor* given[4];
  for (size_t i = 0; i < 4; ++i) {
    given[i] = r.constant(node.inputs[i + 1]);
    if (!given[i] || given[i]->dtype() != Dtype::kF32 || given[i]->shape() != given[0]->shape() || given[i]->shape().size() != 1) return std::nullopt;
  }
  const float epsilon = node.float_attribute("epsilon", 1e-5f);
  Affine out{node.inputs[0], {}, {}};
  for (size_t c = 0; c < static_cast<size_t>(given[0]->size()); ++c) {
    const auto value = [&](size_t i) { return given[i]->as<float>()[c]; };
    const float scale =
        1 / std::sqrt(value(3) + epsilon) * value(0);  // in floats and in this order, as ONNX Runtime: bytes behind it come out the same
    out.scale.push_back(scale);
    out.offset.push_back(value(1) - value(2) * scale);
  }
  return out;
}

std::optional<Affine> channel_scale(const Rewriter& r, const Node& node) {
  const Tensor *scale = r.constant(node.inputs[1]), *offset = r.constant(node.inputs[2]);
  if (!scale || !offset || node.has("activation")) return std::nullopt;
  const auto s = scale->as<float>(), o = offset->as<float>();
  return Affine{node.inputs[0], {s.begin(), s.end()}, {o.begin(), o.end()}};
}

/// Mul, Div, Add, Sub of a constant; c / x is none.
std::optional<Affine> arithmetic(const Rewriter& r, const Node& node) {
  const auto sides = with_constant(r, node);
  const bool divides = is_onnx(node, "Div"), subtracts = is_onnx(node, "Sub");
  if (!sides || (divides && sides->constant_first)) return std::nullopt;
  const auto x = r.shape(sides->data);
  if (!x || x->size() < 2) return std::nullopt;
  auto values = per_channel(*r.constant(sides->constant), (*x)[1], x->size());
  if (!values) return std::nullopt;
  Affine out{sides->data, std::vector<double>(values->size(), 1.0), std::vector<double>(values->size(), 0.0)};
  if (is_onnx(node, "Mul") || divides) {
    for (size_t c = 0; c < values->size(); ++c) out.scale[c] = divides ? 1 / (*values)[c] : (*values)[c];
    return out;
  }
  if (subtracts && !sides->constant_first)
    for (auto& v : *values) v = -v;
  if (subtracts && sides->constant_first) out.scale.assign(values->size(), -1.0);
  out.offset = *values;
  return out;
}

}  // namespace

std::optional<Affine> affine_of(const Rewriter& r, size_t i) {
  const Node& node = r.node(i);
  std::optional<Affine> out;
  if (is_onnx(node, "BatchNormalization")) out = batch_norm(r, node);
  else if (is_fused(node, "ChannelScale")) out = channel_scale(r, node);
  else if (is_onnx(node, {"Mul", "Div", "Sub"}) || is_add(node)) out = arithmetic(r, node);
  if (!out || r.dtype(node.outputs[0]) != Dtype::kF32) return std::nullopt;
  const auto finite = [](const auto& list) { return std::all_of(list.begin(), list.end(), [](double v) { return std::isfinite(v); }); };
  return finite(out->scale) && finite(out->offset) ? out : std::nullopt;
}

Tensor to_tensor(const std::vector<double>& values) {
  const std::vector<float> rounded(values.begin(), values.end());
  return Tensor::of<float>({static_cast<int64_t>(rounded.size())}, std::span<const float>(rounded));
}

std::optional<ops::Activation> activation_of(const Rewriter& r, size_t i) {
  return r.dtype(r.node(i).outputs[0]) == Dtype::kF32 ? ops::activation_of(r.context(i), r.constants(i)) : std::nullopt;
}

void make_fused(Rewriter& r, Node& node, std::string_view type) {
  node.op_type = type;
  node.domain = ops::kFusedDomain;
  r.import_fused_domain();
}

bool absorb_activation(Rewriter& r, size_t i, std::string_view onnx_type, std::string_view fused_type) {
  const auto activation = activation_of(r, i);
  const auto before = activation ? r.inner_producer(r.node(i).inputs[0]) : std::nullopt;
  if (!before || r.node(*before).has("activation") || !r.may_merge(*before, i)) return false;
  Node merged = r.node(*before);
  if (!is_onnx(merged, onnx_type) && !is_fused(merged, fused_type)) return false;
  ops::write_activation(merged, *activation);
  make_fused(r, merged, fused_type);
  r.merge(*before, i, std::move(merged));
  return true;
}

}  // namespace scissionlite
