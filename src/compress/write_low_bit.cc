#include "compress/write_low_bit.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "compress/fresh_names.h"

namespace scissionlite::compress {
namespace {

constexpr double kMostBiasCode = 1 << 30;
constexpr double kSmallestScale = 1e-20;  // so that its product with an activation's step is a normal number

/// A layer's output as weights times `scale` plus `offset`, by output.
struct Folded {
  std::vector<double> scale, offset;
  bool has_offset = false;
};

std::vector<double> doubles(const Graph& graph, const std::string& constant, size_t count) {
  const Tensor floats = graph.initializers.at(constant).to_f32();
  const auto values = floats.as<float>();
  std::vector<double> out(count);
  for (size_t i = 0; i < count; ++i) out[i] = values[values.size() > 1 ? i : 0];
  return out;
}

Folded folded(const LowBitModel& model, const LowBitLayer& layer) {
  const auto& graph = model.graph;
  const auto& node = graph.nodes[layer.node];
  const auto outputs = static_cast<size_t>(layer.weights.outputs);
  Folded out{std::vector<double>(outputs, 1), std::vector<double>(outputs, 0), layer.batch_norm >= 0};
  if (node.inputs.size() > 2 && !node.inputs[2].empty()) out.offset = doubles(graph, node.inputs[2], outputs), out.has_offset = true;
  if (layer.batch_norm >= 0) {
    const auto& norm = graph.nodes[static_cast<size_t>(layer.batch_norm)];
    const auto gamma = doubles(graph, norm.inputs[1], outputs), beta = doubles(graph, norm.inputs[2], outputs),
               mean = doubles(graph, norm.inputs[3], outputs), variance = doubles(graph, norm.inputs[4], outputs);
    const double epsilon = norm.float_attribute("epsilon", 1e-5F);
    for (size_t c = 0; c < outputs; ++c) {
      out.scale[c] = gamma[c] / std::sqrt(variance[c] + epsilon);
      out.offset[c] = (out.offset[c] - mean[c]) * out.scale[c] + beta[c];
      if (out.scale[c] < 0)
        throw InvalidArgument("[low bits] [" + norm.label() + "] scale " + std::to_string(c) + " is negative (" + std::to_string(gamma[c]) +
                              "); turn it into negative weights first");
    }
  }
  for (size_t c = 0; c < outputs; ++c)
    if (!std::isfinite(out.scale[c]) || !std::isfinite(out.offset[c]))
      throw InvalidArgument("[low bits] [" + node.label() + "] bias or BatchNormalization of output " + std::to_string(c) + " is not finite");
  return out;
}

/// Where the layer's rows stand in its weights.
bool is_zero_row(const LowBitLayer& layer, std::span<const float> values, size_t output) {
  const auto outputs = static_cast<size_t>(layer.weights.outputs), length = static_cast<size_t>(layer.weights.inputs * layer.weights.taps);
  for (size_t i = 0; i < length; ++i)
    if (values[layer.weights.is_transposed ? i * outputs + output : output * length + i] != 0) return false;
  return true;
}

class Writer {
 public:
  Writer(const LowBitModel& model, const LowBitSteps& steps) : model_(with_points_before_moves(model)), steps_(steps) {
    check();
    for (size_t p = steps_.activations.size(); p < model_.points.size(); ++p)
      steps_.activations.push_back(steps_.activations[static_cast<size_t>(model_.points[p].repeats)]);
  }

  WrittenLowBit run() {
    written_.graph = with_points(model_, [&](size_t p, const std::string& value, std::vector<Node>& nodes) { return add_point(p, value, nodes); });
    for (size_t l = 0; l < model_.layers.size(); ++l) write_layer(l);
    auto& out = written_.graph;
    out.initializers.insert(made_.begin(), made_.end());
    std::vector<Node> nodes;
    for (auto& node : out.nodes) {
      if (gone_.count(node.name) > 0) continue;
      if (const auto it = before_.find(node.name); it != before_.end()) nodes.insert(nodes.end(), it->second.begin(), it->second.end());
      nodes.push_back(std::move(node));
    }
    out.nodes = std::move(nodes);
    drop_unread(out);
    out.values.clear();
    out.metadata[kLowBitMetadataKey] = to_json(model_.plan).dump();
    out.check();
    return std::move(written_);
  }

 private:
  void check() const {
    size_t points = 0;
    for (const auto& point : model_.points) points += point.repeats < 0;
    if (steps_.weights.size() != model_.layers.size() || steps_.activations.size() != points)
      throw InvalidArgument("[low bits] steps of " + std::to_string(steps_.weights.size()) + " layers and " +
                            std::to_string(steps_.activations.size()) + " activations; the model has " + std::to_string(model_.layers.size()) +
                            " and " + std::to_string(points));
    const auto is_bad = [](float step) { return !(step > 0) || !std::isfinite(step); };
    for (size_t l = 0; l < model_.layers.size(); ++l) {
      const auto& layer = model_.layers[l];
      const auto& steps = steps_.weights[l];
      if (static_cast<int64_t>(steps.size()) != 1 && static_cast<int64_t>(steps.size()) != layer.weights.outputs)
        throw InvalidArgument("[low bits] layer '" + layer.name + "' has " + std::to_string(steps.size()) + " steps for " +
                              std::to_string(layer.weights.outputs) + " outputs; expected one, or one an output");
      if (std::any_of(steps.begin(), steps.end(), is_bad))
        throw InvalidArgument("[low bits] layer '" + layer.name + "' has a step that is not a positive number");
      const auto values = model_.graph.initializers.at(layer.weights.weights).as<float>();
      if (std::any_of(values.begin(), values.end(), [](float v) { return !std::isfinite(v); }))
        throw InvalidArgument("[low bits] weights '" + layer.weights.weights + "' of '" + layer.name + "' are not finite");
    }
    for (size_t p = 0; p < points; ++p)
      if (is_bad(steps_.activations[p].step))
        throw InvalidArgument("[low bits] the step of '" + model_.points[p].value + "' is not a positive number");
  }

  std::string constant(const std::string& wish, Tensor value) {
    const auto name = fresh_(wish);
    made_.emplace(name, std::move(value));
    return name;
  }

  /// Zero points of so many outputs: one constant for all layers.
  std::string zeros(Dtype dtype, int64_t count) {
    auto& name = zeros_[{dtype, count}];
    if (!name.empty()) return name;
    Tensor value(dtype, {count});
    std::fill_n(value.mutable_data(), value.size_bytes(), std::byte{0});
    return name = constant("zeros_" + std::string(dtype_name(dtype)) + "_" + std::to_string(count), std::move(value));
  }

  std::string add_point(size_t p, const std::string& value, std::vector<Node>& nodes) {
    const auto& point = model_.points[p];
    const auto& step = steps_.activations[p];
    const auto stem = point.value + "_" + std::to_string(point.bits) + "bit";
    auto& constants = constants_[point.repeats >= 0 ? static_cast<size_t>(point.repeats) : p];
    if (constants.first.empty())
      constants = {constant(stem + "_step", Tensor::scalar<float>(step.step)),
                   constant(stem + "_zero", Tensor::scalar<uint8_t>(static_cast<uint8_t>(step.zero_point)))};
    const auto& [scale, zero] = constants;
    const bool is_clipped = point.bits < kMostBits && point.repeats < 0;
    const auto codes = fresh_(stem + (is_clipped ? "_bytes" : "_codes")), clipped = is_clipped ? fresh_(stem + "_codes") : codes,
               result = fresh_(stem);
    nodes.push_back({codes, "QuantizeLinear", "", {value, scale, zero}, {codes}, {}, ""});
    if (is_clipped)
      nodes.push_back({clipped,
                       "Clip",
                       "",
                       {codes, "", constant(stem + "_most", Tensor::scalar<uint8_t>(static_cast<uint8_t>(activation_range(point.bits).high)))},
                       {clipped},
                       {},
                       ""});
    nodes.push_back({result, "DequantizeLinear", "", {clipped, scale, zero}, {result}, {}, ""});
    return result;
  }

  /// The step of what the layer reads.
  [[nodiscard]] double input_step(const LowBitLayer& layer) const {
    for (size_t p = 0; p < model_.points.size(); ++p)
      for (const auto& reader : model_.points[p].readers)
        if (reader.node == layer.node && reader.input == 0) return steps_.activations[p].step;
    throw InternalError("[low bits] layer '" + layer.name + "' reads no quantised value");
  }

  void write_layer(size_t l) {
    const auto& layer = model_.layers[l];
    const auto& bits = model_.plan.layers[l];
    const auto range = weight_range(bits.weight_bits, bits.encoding);
    const auto fold = folded(model_, layer);
    const Tensor& weights = model_.graph.initializers.at(layer.weights.weights);
    const auto outputs = static_cast<size_t>(layer.weights.outputs);
    const double x_step = input_step(layer);
    std::vector<float> steps(outputs), scales(outputs);
    std::vector<bool> is_constant(outputs);
    WrittenLayer report;
    for (size_t c = 0; c < outputs; ++c) {
      steps[c] = steps_.weights[l][steps_.weights[l].size() > 1 ? c : 0];
      const double smallest = std::max(kSmallestScale, std::abs(fold.offset[c]) / (x_step * kMostBiasCode)), wanted = steps[c] * fold.scale[c];
      is_constant[c] = fold.scale[c] == 0 || is_zero_row(layer, weights.as<float>(), c);
      scales[c] = static_cast<float>(is_constant[c] ? smallest : std::max(smallest, wanted));
      report.constant_outputs += is_constant[c];
      if (is_constant[c] || wanted >= smallest) continue;
      ++report.clipped_biases;
      steps[c] = static_cast<float>(scales[c] / fold.scale[c]);
    }
    write_weights(layer, codes_of(layer, weights, range, steps, is_constant), scales);
    write_bias(layer, fold, x_step, scales);
    written_.layers.push_back(report);
  }

  static Tensor codes_of(const LowBitLayer& layer, const Tensor& weights, const CodeRange& range, const std::vector<float>& steps,
                         const std::vector<bool>& is_constant) {
    Tensor whole = weights.clone();  // an output that is constant has no weights
    auto values = whole.mutable_as<float>();
    const auto outputs = static_cast<size_t>(layer.weights.outputs), length = static_cast<size_t>(layer.weights.inputs * layer.weights.taps);
    for (size_t i = 0; i < values.size(); ++i)
      if (is_constant[layer.weights.is_transposed ? i % outputs : i / length]) values[i] = 0;
    return weight_codes(layer.weights, whole, range, steps);
  }

  [[nodiscard]] Node& written_node(const std::string& name) {
    return *std::find_if(written_.graph.nodes.begin(), written_.graph.nodes.end(), [&](const Node& node) { return node.name == name; });
  }

  void write_weights(const LowBitLayer& layer, Tensor codes, const std::vector<float>& scales) {
    const auto outputs = static_cast<int64_t>(scales.size());
    const auto dtype = codes.dtype();
    const auto stem = layer.weights.weights;
    const auto result = fresh_(stem + "_dequantized");
    before_[layer.name].push_back({result,
                                   "DequantizeLinear",
                                   "",
                                   {constant(stem + (dtype == Dtype::kU8 ? "_codes_unsigned" : "_codes"), std::move(codes)),
                                    constant(stem + "_scales", Tensor::of<float>({outputs}, std::span<const float>(scales))), zeros(dtype, outputs)},
                                   {result},
                                   {{"axis", int64_t{layer.weights.is_transposed ? 1 : 0}}},
                                   ""});
    written_node(layer.name).inputs[1] = result;
  }

  void write_bias(const LowBitLayer& layer, const Folded& fold, double x_step, const std::vector<float>& scales) {
    auto& node = written_node(layer.name);
    if (layer.batch_norm >= 0) {
      const auto& norm = model_.graph.nodes[static_cast<size_t>(layer.batch_norm)];
      node.outputs[0] = norm.outputs[0];
      gone_.insert(norm.name);
    }
    if (!fold.has_offset) return;
    const auto outputs = static_cast<int64_t>(scales.size());
    Tensor codes(Dtype::kI32, {outputs}), steps(Dtype::kF32, {outputs});
    for (size_t c = 0; c < scales.size(); ++c) {
      const float step = static_cast<float>(x_step) * scales[c];
      steps.mutable_as<float>()[c] = step;
      codes.mutable_as<int32_t>()[c] = static_cast<int32_t>(std::clamp(std::nearbyint(fold.offset[c] / step), -kMostBiasCode, kMostBiasCode));
    }
    const auto stem = layer.name + "_bias";
    const auto result = fresh_(stem);
    before_[layer.name].push_back(
        {result,
         "DequantizeLinear",
         "",
         {constant(stem + "_codes", std::move(codes)), constant(stem + "_scales", std::move(steps)), zeros(Dtype::kI32, outputs)},
         {result},
         {{"axis", int64_t{0}}},
         ""});
    node.inputs.resize(3);
    node.inputs[2] = result;
  }

  static void drop_unread(Graph& graph) {
    std::set<std::string> read;
    for (const auto& node : graph.nodes) read.insert(node.inputs.begin(), node.inputs.end());
    for (const auto& info : graph.outputs) read.insert(info.name);
    std::erase_if(graph.initializers, [&](const auto& entry) { return read.count(entry.first) == 0; });
  }

  LowBitModel model_;
  LowBitSteps steps_;
  FreshNames fresh_{model_.graph};
  std::map<std::string, Tensor> made_;  // constants that were added
  std::map<std::pair<Dtype, int64_t>, std::string> zeros_;
  WrittenLowBit written_;
  std::map<size_t, std::pair<std::string, std::string>> constants_;  // step and zero point by point
  std::map<std::string, std::vector<Node>> before_;                  // nodes that go before a node, by its name
  std::set<std::string> gone_;
};

}  // namespace

WrittenLowBit write_low_bit(const LowBitModel& model, const LowBitSteps& steps) { return Writer(model, steps).run(); }

}  // namespace scissionlite::compress
