#include "compress/low_bit_points.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "compress/raise_opset.h"
#include "optimise/optimise.h"

namespace scissionlite::compress {
namespace {

enum class Rule { kFloat, kJoins, kMoves, kPositive, kKeepsSign };

Rule rule_of(const Node& node) {
  static const std::map<std::string, Rule> table{
#define JOINS(type) {#type, Rule::kJoins},
#define MOVES(type) {#type, Rule::kMoves},
#define POSITIVE(type) {#type, Rule::kPositive},
#define KEEPS_SIGN(type) {#type, Rule::kKeepsSign},
#include "compress/low_bit_rules.inc"
#undef JOINS
#undef MOVES
#undef POSITIVE
#undef KEEPS_SIGN
  };
  const auto it = node.domain.empty() ? table.find(node.op_type) : table.end();
  if (it == table.end()) return Rule::kFloat;
  const bool has_more_results = std::any_of(node.outputs.begin() + 1, node.outputs.end(), [](const auto& output) { return !output.empty(); });
  return it->second == Rule::kMoves && has_more_results ? Rule::kFloat : it->second;  // MaxPool's indices
}

bool is_named(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

void check_is_float(const Graph& graph) {
  for (const auto& node : graph.nodes)
    if (node.op_type == "QuantizeLinear" || node.op_type == "DequantizeLinear" || node.op_type == "DynamicQuantizeLinear" ||
        is_named(node.op_type, "QLinear") || is_named(node.op_type, "ConvInteger") || is_named(node.op_type, "MatMulInteger"))
      throw Unsupported("[low bits] [" + node.label() + "] the model is quantised already; start from the float32 model");
  const auto refuse = [](const std::string& what, Dtype dtype) {
    if (dtype == Dtype::kF16 || dtype == Dtype::kBF16 || dtype == Dtype::kF64)
      throw Unsupported("[low bits] " + what + " is " + std::string(dtype_name(dtype)) + "; start from the float32 model");
  };
  for (const auto& info : graph.inputs) refuse("input '" + info.name + "'", info.dtype);
  for (const auto& [name, tensor] : graph.initializers) refuse("constant '" + name + "'", tensor.dtype());
}

/// Passes that keep ONNX's operators and all that is trained.
std::vector<std::string> passes_to_leave_out() {
  static const std::set<std::string> wanted{"remove_dead_code", "fold_constants", "remove_identity", "form_gemm", "merge_pad"};
  std::vector<std::string> out;
  for (const auto& pass : all_passes())
    if (wanted.count(pass.name) == 0) out.push_back(pass.name);
  return out;
}

void name_each_node(Graph& graph) {
  std::set<std::string> names;
  for (auto& node : graph.nodes) {
    if (node.name.empty()) node.name = node.outputs[0];
    for (const std::string wish = node.name; !names.insert(node.name).second;) node.name = wish + "_" + std::to_string(names.size());
  }
}

bool is_layer_type(const Node& node) { return node.domain.empty() && (node.op_type == "Conv" || node.op_type == "Gemm" || node.op_type == "MatMul"); }
bool is_batch_norm(const Node& node) { return node.domain.empty() && node.op_type == "BatchNormalization"; }

/// Constants that training changes are of one reader.
void give_each_its_own(Graph& graph) {
  std::set<std::string> taken;
  for (auto& node : graph.nodes) {
    if (!is_layer_type(node) && !is_batch_norm(node)) continue;
    for (size_t i = 1; i < node.inputs.size(); ++i) {
      const auto it = graph.initializers.find(node.inputs[i]);
      if (it == graph.initializers.end() || taken.insert(node.inputs[i]).second) continue;
      const auto own = graph.fresh_name(node.inputs[i] + "_of_" + node.name);
      graph.initializers.emplace(own, it->second);
      node.inputs[i] = own;
      taken.insert(own);
    }
  }
}

/// By value name: (node, input).
std::map<std::string, std::vector<ActivationPoint::Reader>> readers_of(const Graph& graph) {
  std::map<std::string, std::vector<ActivationPoint::Reader>> out;
  for (size_t n = 0; n < graph.nodes.size(); ++n)
    for (size_t i = 0; i < graph.nodes[n].inputs.size(); ++i)
      if (!graph.nodes[n].inputs[i].empty()) out[graph.nodes[n].inputs[i]].push_back({n, i});
  return out;
}

bool is_output(const Graph& graph, const std::string& value) {
  return std::any_of(graph.outputs.begin(), graph.outputs.end(), [&](const auto& info) { return info.name == value; });
}

/// The BatchNormalization that alone reads the node, with constants; -1: none.
int64_t batch_norm_behind(const Graph& graph, const std::map<std::string, std::vector<ActivationPoint::Reader>>& readers, const Node& node) {
  const auto it = readers.find(node.outputs[0]);
  if (it == readers.end() || it->second.size() != 1 || is_output(graph, node.outputs[0])) return -1;
  const auto& reader = graph.nodes[it->second[0].node];
  const bool has_constants = reader.inputs.size() == 5 && std::all_of(reader.inputs.begin() + 1, reader.inputs.end(),
                                                                      [&](const auto& input) { return graph.initializers.count(input) > 0; });
  return is_batch_norm(reader) && it->second[0].input == 0 && has_constants ? static_cast<int64_t>(it->second[0].node) : -1;
}

std::string reason_against(const Graph& graph, const Node& node, const SparseLayer& layer, const std::vector<bool>& is_constant,
                           const std::map<std::string, size_t>& producers) {
  const auto at = producers.find(node.inputs[0]);
  if (graph.initializers.count(node.inputs[0]) > 0 || (at != producers.end() && is_constant[at->second])) return "it reads a constant";
  if (node.op_type == "Gemm" && (node.int_attribute("transA", 0) != 0 || node.float_attribute("alpha", 1) != 1 ||
                                 (node.inputs.size() > 2 && node.float_attribute("beta", 1) != 1)))
    return "its alpha, beta or transA is not the usual one";
  if (node.inputs.size() < 3 || node.inputs[2].empty()) return "";
  const auto bias = graph.initializers.find(node.inputs[2]);
  if (bias == graph.initializers.end()) return "its bias is not constant";
  const auto& shape = bias->second.shape();
  const bool fits = bias->second.size() == 1 || (bias->second.size() == layer.outputs && (shape.empty() || shape.back() == layer.outputs));
  return fits ? "" : "its bias of shape " + to_string(shape) + " is not one value an output";
}

void negate(Graph& graph, const std::string& constant, const std::function<bool(size_t)>& wanted) {
  Tensor out = graph.initializers.at(constant).clone();
  auto values = out.mutable_as<float>();
  for (size_t i = 0; i < values.size(); ++i)
    if (wanted(i)) values[i] = -values[i];
  graph.initializers[constant] = out;
}

/// gamma (w x + b - mean) = -gamma ((-w) x + (-b) - (-mean)).
void remove_negative_scales(Graph& graph) {
  for (const auto& layer : find_low_bit_layers(graph)) {
    if (layer.batch_norm < 0 || !layer.not_eligible.empty()) continue;
    const auto& norm = graph.nodes[static_cast<size_t>(layer.batch_norm)];
    const auto& node = graph.nodes[layer.node];
    const Tensor scales = graph.initializers.at(norm.inputs[1]);
    const auto is_negative = [&](size_t c) { return scales.as<float>()[c] < 0; };
    const auto outputs = static_cast<size_t>(layer.weights.outputs), length = static_cast<size_t>(layer.weights.inputs * layer.weights.taps);
    negate(graph, layer.weights.weights, [&](size_t i) { return is_negative(layer.weights.is_transposed ? i % outputs : i / length); });
    if (node.inputs.size() > 2 && !node.inputs[2].empty()) negate(graph, node.inputs[2], is_negative);
    negate(graph, norm.inputs[3], is_negative);
    negate(graph, norm.inputs[1], is_negative);
  }
}

/// Values that are not negative for any input.
std::set<std::string> find_not_negative(const Graph& graph) {
  std::set<std::string> out;
  const auto is_constant_positive = [&](const std::string& name) {
    const auto it = graph.initializers.find(name);
    if (it == graph.initializers.end() || it->second.dtype() != Dtype::kF32) return false;
    const auto values = it->second.as<float>();
    return std::all_of(values.begin(), values.end(), [](float v) { return v >= 0; });
  };
  const auto is_positive = [&](const std::string& name) { return out.count(name) > 0 || is_constant_positive(name); };
  for (const auto& node : graph.nodes) {
    if (!node.domain.empty() || node.inputs.empty()) continue;
    const auto rule = rule_of(node);
    const bool keeps_sign = rule == Rule::kMoves || rule == Rule::kKeepsSign || rule == Rule::kJoins;
    const size_t operands = rule == Rule::kMoves || node.op_type == "Split" || node.op_type == "Resize" || is_named(node.op_type, "Reduce")
                                ? 1
                                : node.inputs.size();  // the others are shapes and axes
    const bool is_clip = node.op_type == "Clip" && node.inputs.size() > 1 && is_constant_positive(node.inputs[1]);
    const bool all = std::all_of(node.inputs.begin(), node.inputs.begin() + static_cast<int64_t>(operands), is_positive);
    if (rule == Rule::kPositive || is_clip ||
        (keeps_sign && all && node.text_attribute("mode", "") != "cubic" && node.float_attribute("extrapolation_value", 0) >= 0))
      out.insert(node.outputs.begin(), node.outputs.end());
  }
  return out;
}

/// Whether a layer computes the value, with nothing but normalisation, Relu, Clip and moves behind it.
bool is_of_a_layer(const Graph& graph, const std::unordered_map<std::string, size_t>& producers, std::string value) {
  for (;;) {
    const auto it = producers.find(value);
    if (it == producers.end()) return false;
    const auto& node = graph.nodes[it->second];
    if (is_layer_type(node)) return true;
    if (!is_batch_norm(node) && node.op_type != "Relu" && node.op_type != "Clip" && rule_of(node) != Rule::kMoves) return false;
    value = node.inputs[0];
  }
}

/// Finds points: bits that readers want, by value.
class Points {
 public:
  explicit Points(LowBitModel& model)
      : model_(model),
        producers_(model.graph.producers()),
        not_negative_(find_not_negative(model.graph)),
        is_constant_(constant_nodes(model.graph)) {}

  void find() {
    for (size_t l = 0; l < model_.layers.size(); ++l) {
      const auto& layer = model_.layers[l];
      auto& bits = model_.plan.layers[l];
      const auto& value = model_.graph.nodes[layer.node].inputs[0];
      bits.activation_bits = allowed(value, bits.activation_bits, layer.name);
      wanted_[value][bits.activation_bits].push_back({layer.node, 0});
    }
    for (size_t n = 0; n < model_.graph.nodes.size(); ++n) want_for_join(n);
    std::set<std::string> done;
    const auto add = [&](const std::string& value) {
      if (wanted_.count(value) > 0 && done.insert(value).second) add_points(value);
    };
    for (const auto& info : model_.graph.inputs) add(info.name);
    for (const auto& node : model_.graph.nodes)
      for (const auto& output : node.outputs) add(output);
  }

 private:
  [[nodiscard]] bool depends_on_data(const std::string& value) const {
    if (const auto it = producers_.find(value); it != producers_.end()) return !is_constant_[it->second];
    return std::any_of(model_.graph.inputs.begin(), model_.graph.inputs.end(), [&](const auto& info) { return info.name == value; });
  }
  /// Values of the network's input may be negative whatever the network is fed with.
  [[nodiscard]] int allowed(const std::string& value, int bits, const std::string& reader) {
    if (bits == kMostBits || not_negative_.count(value) > 0) return bits;
    const auto note = "'" + value + "' may be negative, so '" + reader + "' reads it with " + std::to_string(kMostBits) +
                      " bits and a zero point, not " + std::to_string(bits);
    if (std::find(model_.notes.begin(), model_.notes.end(), note) == model_.notes.end()) model_.notes.push_back(note);
    return kMostBits;
  }
  void want_for_join(size_t n) {
    const auto& node = model_.graph.nodes[n];
    const auto info = model_.graph.find_value(node.outputs[0]);
    if (rule_of(node) != Rule::kJoins || is_constant_[n] || !info || info->dtype != Dtype::kF32) return;
    if (!std::all_of(node.inputs.begin(), node.inputs.end(), [&](const auto& input) { return depends_on_data(input); }))
      return;  // a constant a channel
    for (size_t i = 0; i < node.inputs.size(); ++i)
      wanted_[node.inputs[i]][allowed(node.inputs[i], model_.plan.residual_bits, node.name)].push_back({n, i});
  }
  void add_points(const std::string& value) {
    const auto& by_bits = wanted_.at(value);
    const bool is_layer = is_of_a_layer(model_.graph, producers_, value);
    const auto first = static_cast<int>(model_.points.size());
    for (auto it = by_bits.rbegin(); it != by_bits.rend(); ++it) {
      const bool is_made_of_first = is_layer && it != by_bits.rbegin();
      model_.points.push_back({value, it->first, not_negative_.count(value) == 0, is_made_of_first ? first : -1, -1, it->second});
    }
  }

  LowBitModel& model_;
  std::unordered_map<std::string, size_t> producers_;
  std::set<std::string> not_negative_;
  std::vector<bool> is_constant_;
  std::map<std::string, std::map<int, std::vector<ActivationPoint::Reader>>> wanted_;
};

}  // namespace

Graph ready_for_low_bits(const Graph& graph) {
  check_is_float(graph);
  Graph out = raise_opset(graph);
  (void)optimise(out, {.leave_out = passes_to_leave_out()});
  name_each_node(out);
  give_each_its_own(out);
  remove_negative_scales(out);
  out.check();
  return out;
}

std::vector<LowBitLayer> find_low_bit_layers(const Graph& graph) {
  std::map<std::string, size_t> by_label;
  for (size_t n = 0; n < graph.nodes.size(); ++n) by_label[graph.nodes[n].label()] = n;
  const auto readers = readers_of(graph);
  const auto is_constant = constant_nodes(graph);
  const auto found = graph.producers();
  const std::map<std::string, size_t> producers(found.begin(), found.end());
  std::vector<LowBitLayer> out;
  std::map<size_t, size_t> layer_of;  // by node
  for (const auto& one : find_sparse_layers(graph)) {
    const size_t n = by_label.at(one.node);
    const auto& node = graph.nodes[n];
    layer_of[n] = out.size();
    const auto weights = graph.initializers.at(one.weights).as<float>();
    const bool has_negative = std::any_of(weights.begin(), weights.end(), [](float v) { return v < 0; });
    out.push_back({n, node.name, one, batch_norm_behind(graph, readers, node), has_negative, false, false,
                   reason_against(graph, node, one, is_constant, producers)});
  }
  std::set<std::string> from_input, to_output;  // values that meet no layer on the way
  for (const auto& info : graph.inputs) from_input.insert(info.name);
  for (const auto& info : graph.outputs) to_output.insert(info.name);
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const auto& node = graph.nodes[n];
    if (std::none_of(node.inputs.begin(), node.inputs.end(), [&](const auto& input) { return from_input.count(input) > 0; })) continue;
    if (const auto it = layer_of.find(n); it != layer_of.end()) out[it->second].is_first = true;
    else from_input.insert(node.outputs.begin(), node.outputs.end());
  }
  for (size_t n = graph.nodes.size(); n-- > 0;) {
    const auto& node = graph.nodes[n];
    if (std::none_of(node.outputs.begin(), node.outputs.end(), [&](const auto& output) { return to_output.count(output) > 0; })) continue;
    if (const auto it = layer_of.find(n); it != layer_of.end()) out[it->second].is_last = true;
    else to_output.insert(node.inputs.begin(), node.inputs.end());
  }
  return out;
}

LowBitModel with_plan(const Graph& graph, const LowBitPlan& plan) {
  LowBitModel out{graph, {{}, plan.residual_bits}, {}, {}, {}};
  (void)activation_range(plan.residual_bits);
  std::map<std::string, LayerBits> wanted;
  for (const auto& layer : plan.layers) {
    (void)weight_range(layer.weight_bits, layer.encoding), (void)activation_range(layer.activation_bits);
    if (!wanted.emplace(layer.name, layer).second) throw InvalidArgument("[low bits] the plan names layer '" + layer.name + "' twice");
  }
  std::vector<std::string> known;
  for (auto& layer : find_low_bit_layers(graph)) {
    known.push_back(layer.name);
    const auto it = wanted.find(layer.name);
    if (it == wanted.end()) {
      out.notes.push_back("'" + layer.name + "' stays float32" +
                          (layer.not_eligible.empty() ? ": the plan does not name it" : ": " + layer.not_eligible));
      continue;
    }
    if (!layer.not_eligible.empty()) throw InvalidArgument("[low bits] layer '" + layer.name + "' cannot be quantised: " + layer.not_eligible);
    out.plan.layers.push_back(it->second);
    out.layers.push_back(std::move(layer));
    wanted.erase(it);
  }
  if (!wanted.empty())
    throw InvalidArgument("[low bits] the plan names '" + wanted.begin()->first +
                          "', which is no Conv, Gemm or MatMul with constant float32 weights" + did_you_mean(wanted.begin()->first, known));
  if (out.layers.empty())
    throw InvalidArgument("[low bits] the plan leaves no layer to quantise; the model has " + std::to_string(known.size()) +
                          " Conv, Gemm and MatMul with constant float32 weights" + (known.empty() ? "" : ": " + join(known, ", ")));
  Points(out).find();
  return out;
}

Graph with_points(const LowBitModel& model, const std::function<std::string(size_t, const std::string&, std::vector<Node>&)>& make) {
  Graph out = model.graph;
  out.nodes.clear();
  std::map<std::pair<size_t, size_t>, std::string> read;  // by node and input
  std::vector<std::string> results(model.points.size());
  const auto add_points = [&](const std::string& value) {
    for (const bool has_source : {false, true})
      for (size_t p = 0; p < model.points.size(); ++p) {
        const auto& point = model.points[p];
        if (point.value != value || (point.source >= 0) != has_source) continue;
        results[p] = make(p, has_source ? results[static_cast<size_t>(point.source)] : value, out.nodes);
        for (const auto& reader : point.readers) read[{reader.node, reader.input}] = results[p];
      }
  };
  for (const auto& info : model.graph.inputs) add_points(info.name);
  for (size_t n = 0; n < model.graph.nodes.size(); ++n) {
    Node node = model.graph.nodes[n];
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (const auto it = read.find({n, i}); it != read.end()) node.inputs[i] = it->second;
    out.nodes.push_back(node);
    for (const auto& output : node.outputs) add_points(output);
  }
  return out;
}

LowBitModel with_points_before_moves(LowBitModel model) {
  const auto readers = readers_of(model.graph);
  const auto producers = model.graph.producers();
  for (bool again = true; again;) {
    again = false;
    for (size_t p = 0; p < model.points.size() && !again; ++p) {
      const auto& point = model.points[p];
      const auto maker = producers.find(point.value);
      if (point.source >= 0 || point.repeats >= 0 || maker == producers.end() || rule_of(model.graph.nodes[maker->second]) != Rule::kMoves) continue;
      const auto before = model.graph.nodes[maker->second].inputs[0];
      // nothing reads the values on either side but through this point
      size_t covered = 0;
      for (const auto& other : model.points)
        covered += other.value == point.value && (&other == &point || other.source == static_cast<int>(p)) ? other.readers.size() : 0;
      if (readers.at(before).size() != 1 || is_output(model.graph, before) || is_output(model.graph, point.value) ||
          covered != readers.at(point.value).size() || producers.count(before) == 0)
        continue;
      ActivationPoint moved = point;
      moved.value = before, moved.readers = {{maker->second, 0}};
      // the moved one takes this one's place, so that steps stay where they are; what follows it reads the repeated one
      ActivationPoint repeated = point;
      repeated.repeats = static_cast<int>(p);
      const auto at = static_cast<int>(model.points.size());
      for (auto& other : model.points)
        if (other.source == static_cast<int>(p)) other.source = at;
      model.points[p] = moved;
      model.points.push_back(repeated);
      again = true;
    }
  }
  return model;
}

}  // namespace scissionlite::compress
