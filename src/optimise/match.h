// What passes look for. Private to optimise/.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ops/activation.h"
#include "optimise/rewriter.h"

namespace scissionlite {

/// An operator of ONNX's own domain, or of ours.
[[nodiscard]] bool is_onnx(const Node& node, std::string_view type);
[[nodiscard]] bool is_onnx(const Node& node, std::initializer_list<std::string_view> types);
[[nodiscard]] bool is_fused(const Node& node, std::string_view type);
/// Conv or FusedConv.
[[nodiscard]] bool is_conv(const Node& node);
/// Add, or Sum of two.
[[nodiscard]] bool is_add(const Node& node);

/// Input i; "" where the node has none.
[[nodiscard]] std::string input_of(const Node& node, size_t i);
/// Sets input i; those before it that are missing become "".
void set_input(Node& node, size_t i, const std::string& value);
/// No output but the first is read.
[[nodiscard]] bool has_one_result(const Rewriter& r, const Node& node);

/// The float32 constant of one element.
[[nodiscard]] std::optional<float> scalar(const Rewriter& r, const std::string& value);
[[nodiscard]] bool is_near(std::optional<float> value, double wanted);

/// A node of two inputs, of which one is a float32 constant.
struct WithConstant {
  std::string data, constant;
  bool constant_first = false;
};
[[nodiscard]] std::optional<WithConstant> with_constant(const Rewriter& r, const Node& node);

/// The values of a constant, one a channel, when it is broadcast over (n, channels, ...) of that rank along the channels
/// or not at all and does not enlarge it.
[[nodiscard]] std::optional<std::vector<double>> per_channel(const Tensor& constant, int64_t channels, size_t rank);

/// y = x * scale + offset, a channel.
struct Affine {
  std::string data;
  std::vector<double> scale, offset;
  [[nodiscard]] int64_t channels() const { return static_cast<int64_t>(scale.size()); }
  [[nodiscard]] bool scales() const;  // some scale is not 1
};
/// What a BatchNormalization, Mul, Div, Add, Sub or ChannelScale computes, where its constants are known.
[[nodiscard]] std::optional<Affine> affine_of(const Rewriter& r, size_t i);

[[nodiscard]] Tensor to_tensor(const std::vector<double>& values);

/// The activation that node i is, with float32 inside and out.
[[nodiscard]] std::optional<ops::Activation> activation_of(const Rewriter& r, size_t i);
/// The node before a lone activation i, where both may be one: merges them into `fused_type` (a node of that type keeps it) when
/// it has no activation yet. @return whether it did.
bool absorb_activation(Rewriter& r, size_t i, std::string_view onnx_type, std::string_view fused_type);
/// Makes the node one of our domain.
void make_fused(Rewriter& r, Node& node, std::string_view type);

}  // namespace scissionlite
