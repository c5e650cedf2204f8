// Channels of operators with weights, and of normalisations.
#include "base/error.h"
#include "compress/channel_rules.h"

namespace scissionlite::compress {
namespace {

std::string input_of(const Node& node, size_t i) { return i < node.inputs.size() ? node.inputs[i] : ""; }

/// Channels of an image, or of a matrix, along axis 1; none where they lie elsewhere or are not known.
const std::vector<int>* plain_channels(const Relations& r, const std::string& value) {
  const auto* found = r.channels(value);
  return found && found->axis == 1 && found->axes == 1 ? &found->units : nullptr;
}

void relate_bias(Relations& r, const Node& node, size_t i, const std::vector<int>& channels) {
  const auto name = input_of(node, i);
  if (name.empty()) return;
  const auto* bias = r.constant(name);
  if (!bias) return r.fix(channels, node.label() + " adds what is not constant");
  if (bias->size() == 1 && channels.size() > 1) return;  // one for all
  r.unify(r.axis_of(name, static_cast<int>(bias->shape().size()) - 1, Part::kShifts), channels, node);
}

/// Groups of channels stay equally large: what stands at equal places of them is one.
void tie_groups(Relations& r, const std::vector<int>& units, int64_t groups) {
  const size_t each = units.size() / static_cast<size_t>(groups);
  for (size_t i = each; i < units.size(); ++i) r.unify(units[i], units[i % each]);
}

/// @return units of the weights' axis that the input indexes, `groups` times as long as the axis.
std::vector<int> repeated(const std::vector<int>& units, int64_t times) {
  std::vector<int> out;
  for (int64_t i = 0; i < times; ++i) out.insert(out.end(), units.begin(), units.end());
  return out;
}

}  // namespace

void relate_nothing(Relations&, const Node&) {}
void shrink_nothing(Shrinking&, Node&) {}

void relate_conv(Relations& r, const Node& node) {
  const auto& weights = node.inputs[1];
  const auto* w = r.constant(weights);
  if (!w) return r.reject(node, "has weights that are not constant");
  const auto* x = plain_channels(r, node.inputs[0]);
  const int64_t groups = node.int_attribute("group", 1);
  const bool is_depthwise = groups > 1 && w->shape()[1] == 1;
  if (!x) r.reject(node, "reads channels that are not along axis 1");
  auto y = r.axis_of(weights, 0, Part::kMakes);
  relate_bias(r, node, 2, y);
  if (is_depthwise) {
    const auto multiplier = static_cast<int64_t>(y.size()) / groups;
    for (size_t i = 0; i < y.size(); ++i) {
      if (x) r.unify(y[i], (*x)[i / static_cast<size_t>(multiplier)]);
      else r.fix({y[i]}, node.label() + " reads channels that are not known");
    }
  } else {
    const auto reads = r.axis_of(weights, 1, Part::kReads);
    if (x) r.unify(repeated(reads, groups), *x, node);
    else r.fix(reads, node.label() + " reads channels that are not known");
    if (groups > 1) tie_groups(r, y, groups);
  }
  r.set(node.outputs[0], {1, 1, y});
}

void shrink_conv(Shrinking& s, Node& node) {
  const int64_t groups = node.int_attribute("group", 1);
  if (groups > 1 && s.kept(node.inputs[0]).size() == static_cast<size_t>(groups)) node.attributes["group"] = count_kept(s.kept(node.inputs[0]));
}

void relate_conv_transpose(Relations& r, const Node& node) {
  const auto& weights = node.inputs[1];
  const auto* w = r.constant(weights);
  if (!w) return r.reject(node, "has weights that are not constant");
  const auto* x = plain_channels(r, node.inputs[0]);
  const int64_t groups = node.int_attribute("group", 1), outputs = w->shape()[1];
  if (!x || (groups > 1 && (groups != w->shape()[0] || outputs != 1))) {
    r.reject(node, x ? "has groups of several channels" : "reads channels that are not along axis 1");
    const auto y = r.fresh(outputs * groups);
    r.fix(y, node.label() + " makes them in groups");
    return r.set(node.outputs[0], {1, 1, y});
  }
  std::vector<int> y;
  if (groups > 1) {
    y = r.axis_of(weights, 0, Part::kMakes);
    r.unify(y, *x, node);
  } else {
    r.unify(r.axis_of(weights, 0, Part::kReads), *x, node);
    y = r.axis_of(weights, 1, Part::kMakes);
  }
  relate_bias(r, node, 2, y);
  r.set(node.outputs[0], {1, 1, y});
}

void relate_gemm(Relations& r, const Node& node) {
  const auto* b = r.constant(node.inputs[1]);
  const auto* x = plain_channels(r, node.inputs[0]);
  if (!b || !x || node.int_attribute("transA", 0) != 0) r.reject(node, !b ? "has weights that are not constant" : "reads a transposed matrix");
  if (!b) return;
  const int rows = node.int_attribute("transB", 0) != 0 ? 1 : 0;  // axis that the input indexes
  const auto reads = r.axis_of(node.inputs[1], rows, Part::kReads), y = r.axis_of(node.inputs[1], 1 - rows, Part::kMakes);
  if (x && node.int_attribute("transA", 0) == 0) r.unify(reads, *x, node);
  else r.fix(reads, node.label() + " reads channels that are not known");
  relate_bias(r, node, 2, y);
  r.set(node.outputs[0], {1, 1, y});
}

void relate_matmul(Relations& r, const Node& node) {
  const auto* b = r.constant(node.inputs[1]);
  const auto* x = plain_channels(r, node.inputs[0]);
  if (!b || b->shape().size() != 2 || !x || r.shape(node.inputs[0]).size() != 2)
    return r.reject(node, "is no product of a matrix and constant weights");
  r.unify(r.axis_of(node.inputs[1], 0, Part::kReads), *x, node);
  r.set(node.outputs[0], {1, 1, r.axis_of(node.inputs[1], 1, Part::kMakes)});
}

void relate_normalisation(Relations& r, const Node& node) {
  const auto* x = plain_channels(r, node.inputs[0]);
  bool is_constant = true;
  for (size_t i = 1; i < node.inputs.size(); ++i) is_constant = is_constant && r.constant(node.inputs[i]);
  if (!x || !is_constant) return r.reject(node, "normalises channels that are not along axis 1, or by what is not constant");
  const Part parts[] = {Part::kScales, Part::kShifts, Part::kStatistics, Part::kStatistics};
  for (size_t i = 1; i < node.inputs.size(); ++i) r.unify(r.axis_of(node.inputs[i], 0, parts[i - 1]), *x, node);
  r.set(node.outputs[0], {1, 1, *x});
}

}  // namespace scissionlite::compress
