// Pad before a sliding window -> pads of the window.
//   Conv         zeros are what its own pads hold.
//   AveragePool  the zeros of a Pad count in the mean, so count_include_pad is set; where the pool has pads of its own that do
//                not count, the two differ and the Pad stays.
//   MaxPool      its own pads never win: a Pad of -infinity is the same, and one of zeros where no value is negative.
#include <algorithm>
#include <limits>

#include "ops/support.h"
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

/// The constant that a Pad in constant mode writes; nothing for other modes and values that are not known.
std::optional<float> pad_value(const Rewriter& r, size_t i) {
  const Node& node = r.node(i);
  if (node.text_attribute("mode", "constant") != "constant") return std::nullopt;
  if (r.opset() < 11) return node.float_attribute("value", 0);
  return input_of(node, 2).empty() ? 0.0f : scalar(r, node.inputs[2]);
}

/// (begins, ends) over the spatial dimensions, when only those grow.
std::optional<std::vector<int64_t>> spatial_pads(const Rewriter& r, size_t i) {
  const auto in = r.shape(r.node(i).inputs[0]);
  if (!in || in->size() < 3 || r.dtype(r.node(i).outputs[0]) != Dtype::kF32) return std::nullopt;
  const auto pads = ops::read_pads(r.context(i), r.constants(i), in->size());
  if (!pads || std::any_of(pads->begin(), pads->end(), [](int64_t p) { return p < 0; })) return std::nullopt;
  const size_t rank = in->size();
  if ((*pads)[0] != 0 || (*pads)[1] != 0 || (*pads)[rank] != 0 || (*pads)[rank + 1] != 0) return std::nullopt;
  std::vector<int64_t> out(pads->begin() + 2, pads->begin() + static_cast<std::ptrdiff_t>(rank));
  out.insert(out.end(), pads->begin() + static_cast<std::ptrdiff_t>(rank) + 2, pads->end());
  return out;
}

bool has_auto_pads(const Node& node) { return node.text_attribute("auto_pad", "NOTSET").starts_with("SAME"); }
std::vector<int64_t> own_pads(const Node& node, size_t count) {
  return node.text_attribute("auto_pad", "NOTSET") == "VALID" ? std::vector<int64_t>(count, 0)
                                                              : node.ints_attribute("pads", std::vector<int64_t>(count, 0));
}
bool all_zero(const std::vector<int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](int64_t v) { return v == 0; });
}

/// Every window holds an element of the input: pads are smaller than the kernel, and its taps are neighbours.
bool windows_reach_input(const Node& pool, const std::vector<int64_t>& pads) {
  const auto kernel = pool.ints_attribute("kernel_shape");
  for (size_t k = 0; k < pads.size(); ++k)
    if (pads[k] >= kernel[k % kernel.size()]) return false;
  const auto dilations = pool.ints_attribute("dilations");
  return std::all_of(dilations.begin(), dilations.end(), [](int64_t d) { return d == 1; });
}

bool never_negative(const Rewriter& r, const std::string& value) {
  const auto maker = r.producer(value);
  if (!maker) return false;
  const auto activation = r.node(*maker).domain == ops::kFusedDomain && r.node(*maker).has("activation")
                              ? std::optional(ops::read_activation(r.context(*maker)))
                              : activation_of(r, *maker);
  if (!activation) return false;
  using Kind = ops::ActivationKind;
  return activation->kind == Kind::kRelu || activation->kind == Kind::kSigmoid || activation->kind == Kind::kHardSigmoid ||
         (activation->kind == Kind::kClip && activation->alpha >= 0);
}

struct Padding {
  size_t node;
  std::string source;  // what is padded
  float value;
  std::vector<int64_t> own, sum;  // the window's pads, and both together
};

/// The Pad before a window, with what both pad.
std::optional<Padding> padding_before(const Rewriter& r, size_t window) {
  const auto pad = r.inner_producer(r.node(window).inputs[0]);
  if (!pad || !is_onnx(r.node(*pad), "Pad") || has_auto_pads(r.node(window))) return std::nullopt;
  const auto value = pad_value(r, *pad);
  const auto added = spatial_pads(r, *pad);
  if (!value || !added) return std::nullopt;
  Padding out{*pad, r.node(*pad).inputs[0], *value, own_pads(r.node(window), added->size()), *added};
  if (out.own.size() != added->size()) return std::nullopt;
  for (size_t k = 0; k < out.own.size(); ++k) out.sum[k] += out.own[k];
  return out;
}

void take_over(Rewriter& r, size_t window, const Padding& padding, Node merged) {
  merged.inputs[0] = padding.source;
  merged.attributes["pads"] = padding.sum;
  merged.attributes.erase("auto_pad");
  r.merge(padding.node, window, std::move(merged));
}

bool into_conv(Rewriter& r, size_t i) {
  const auto padding = is_conv(r.node(i)) ? padding_before(r, i) : std::nullopt;
  if (!padding || padding->value != 0) return false;
  take_over(r, i, *padding, r.node(i));
  return true;
}

/// With ceil_mode the number of windows follows from where pads begin, so that is left alone.
bool is_pool(const Rewriter& r, const Node& node, std::string_view type) {
  return is_onnx(node, type) && node.int_attribute("ceil_mode", 0) == 0 && has_one_result(r, node);
}

bool into_average_pool(Rewriter& r, size_t i) {
  const auto padding = is_pool(r, r.node(i), "AveragePool") ? padding_before(r, i) : std::nullopt;
  if (!padding || padding->value != 0 || !windows_reach_input(r.node(i), padding->sum)) return false;
  if (r.node(i).int_attribute("count_include_pad", 0) == 0 && !all_zero(padding->own)) return false;
  Node merged = r.node(i);
  merged.attributes["count_include_pad"] = int64_t{1};
  take_over(r, i, *padding, std::move(merged));
  return true;
}

bool into_max_pool(Rewriter& r, size_t i) {
  const auto padding = is_pool(r, r.node(i), "MaxPool") ? padding_before(r, i) : std::nullopt;
  if (!padding || !windows_reach_input(r.node(i), padding->sum)) return false;
  const bool never_wins = padding->value == -std::numeric_limits<float>::infinity() || (padding->value == 0 && never_negative(r, padding->source));
  if (never_wins) take_over(r, i, *padding, r.node(i));
  return never_wins;
}

}  // namespace

int merge_pad(Graph& graph) { return sweep(graph, {into_conv, into_average_pool, into_max_pool}); }

}  // namespace scissionlite::passes
