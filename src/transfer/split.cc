// Head with encoders, tail with decoders: a cut made ready for two machines.
#include <algorithm>

#include "graph/slice.h"
#include "transfer/families.h"
#include "transfer/transfer.h"

namespace scissionlite::transfer {
namespace {

bool has_dynamic_batch(const Graph& model) {
  return std::any_of(model.inputs.begin(), model.inputs.end(), [](const ValueInfo& info) { return !info.shape.empty() && info.shape[0] < 0; });
}

ValueInfo cut_tensor(const Graph& model, const Cut& cut, size_t i, const std::vector<std::vector<Tensor>>& samples) {
  ValueInfo info = model.find_value(cut.tensors[i]).value_or(ValueInfo{});
  info.name = cut.tensors[i];
  info.symbols.clear();
  if (i < cut.dtypes.size() && cut.dtypes[i] != Dtype::kUndefined) info.dtype = cut.dtypes[i];
  if (i < cut.shapes.size() && !cut.shapes[i].empty()) info.shape = cut.shapes[i], info.has_shape = true;
  if (i < samples.size() && !samples[i].empty()) {  // what was measured knows best
    info.dtype = samples[i][0].dtype();
    info.shape = samples[i][0].shape();
    info.has_shape = true;
  }
  return info;
}

/// Gives boundaries of a slice the batch that the model has, and drops what was inferred for batch 1 inside.
void set_boundary(Graph& slice, std::vector<ValueInfo>& boundary, const std::vector<ValueInfo>& tensors, bool dynamic) {
  for (auto& info : boundary)
    for (const auto& tensor : tensors)
      if (info.name == tensor.name) {
        info = tensor;
        if (dynamic && !info.shape.empty() && info.shape[0] == 1) info.shape[0] = -1;
      }
  if (dynamic) slice.values.clear();
}

/// "cut0", or "cut0_1" where the model itself is a slice with such an input, or has such a tensor at the cut.
std::string wire_name(const Graph& model, const Cut& cut, size_t i, const std::string& suffix) {
  const auto taken = [&](const std::string& name) {
    const auto same = [&](const ValueInfo& info) { return info.name == name; };
    return std::any_of(model.inputs.begin(), model.inputs.end(), same) || std::any_of(model.outputs.begin(), model.outputs.end(), same) ||
           std::find(cut.tensors.begin(), cut.tensors.end(), name) != cut.tensors.end();
  };
  const std::string wish = "cut" + std::to_string(i);
  std::string name = wish + suffix;
  for (int k = 1; taken(name); ++k) name = wish + "_" + std::to_string(k) + suffix;
  return name;
}

/// Frees `name` in `graph` when an inner value has it.
void free_name(Graph& graph, const std::string& name) {
  if (const auto fresh = graph.fresh_name(name); fresh != name) rename_value(graph, name, fresh);
}

void prefix_nodes(Graph& graph, const std::string& prefix) {
  for (auto& node : graph.nodes) node.name = prefix + "_" + node.name;
}

void fix_batch(std::vector<ValueInfo>& infos, int64_t batch) {
  for (auto& info : infos)
    if (!info.shape.empty() && info.shape[0] < 0) info.shape[0] = batch;
}

/// Sorts `infos` into the order of `names`; others keep their order behind.
void order_like(std::vector<ValueInfo>& infos, const std::vector<ValueInfo>& names) {
  const auto rank = [&](const ValueInfo& info) {
    return std::find_if(names.begin(), names.end(), [&](const ValueInfo& n) { return n.name == info.name; }) - names.begin();
  };
  std::stable_sort(infos.begin(), infos.end(), [&](const ValueInfo& a, const ValueInfo& b) { return rank(a) < rank(b); });
}

Codec fit(const Graph& model, const ValueInfo& tensor, const TransferLayer& layer, std::span<const Tensor> samples) {
  if (!tensor.has_shape)
    throw Unsupported("[transfer '" + layer.spec() + "'] the shape of '" + tensor.name +
                      "' is unknown, so its bytes are too; give activations of it, or another cut");
  const FitContext context{tensor, model.opsets, model.ir_version, samples};
  if (layer.supports(tensor).ok) return layer.fit(context);
  if (!layer.may_cross_plainly()) throw InvalidArgument("[transfer '" + layer.spec() + "'] " + layer.supports(tensor).reason);
  auto codec = make("fp32")->fit(context);
  codec.note = "crosses plainly: " + layer.supports(tensor).reason;
  return codec;
}

struct Joiner {
  const Graph& model;
  const Cut& cut;
  SplitModel& out;
  bool dynamic;

  /// A codec's graph with the names it has in the whole: `x` becomes the cut tensor, codes become wire tensors.
  Graph named(const Graph& codec, size_t i, const std::string& tensor) const {
    Graph graph = codec;
    const std::pair<const char*, std::string> names[] = {
        {"x", tensor}, {"code", wire_name(model, cut, i, "")}, {"range", wire_name(model, cut, i, "_range")}};
    const std::string own = "scissionlite own ";  // out of the way first: the cut tensor itself may be named "x" or "code"
    for (const auto& [from, to] : names) rename_value(graph, from, own + from);
    for (const auto& [from, to] : names) free_name(graph, to);
    for (const auto& [from, to] : names) rename_value(graph, own + from, to);
    prefix_nodes(graph, wire_name(model, cut, i, ""));
    if (!dynamic) fix_batch(graph.inputs, 1), fix_batch(graph.outputs, 1);
    return graph;
  }

  void add(size_t i, const ValueInfo& tensor) {
    const Graph encoder = named(out.codecs[i].encoder, i, tensor.name), decoder = named(out.codecs[i].decoder, i, tensor.name);
    out.wire.insert(out.wire.end(), encoder.outputs.begin(), encoder.outputs.end());
    if (out.codecs[i].coder) out.coders[wire_name(model, cut, i, "")] = out.codecs[i].coder;
    for (const auto& info : encoder.outputs) free_name(out.head, info.name), free_name(out.tail, info.name);
    const bool is_output = std::any_of(model.outputs.begin(), model.outputs.end(), [&](const ValueInfo& o) { return o.name == tensor.name; });
    const bool is_plain = encoder.nodes.size() == 1 && encoder.nodes[0].op_type == "Identity";
    if (is_plain && !is_output) {  // no node needed: the tensor itself gets the wire's name
      rename_value(out.head, tensor.name, encoder.outputs[0].name);
      rename_value(out.tail, tensor.name, encoder.outputs[0].name);
      return;
    }
    out.head = join(out.head, encoder);
    out.tail = join(decoder, out.tail);
  }
};

}  // namespace

SplitModel split(const Graph& model, const Cut& cut, const TransferLayer& layer, const std::vector<std::vector<Tensor>>& samples) {
  if (layer.needs_samples() && samples.size() != cut.tensors.size())
    throw InvalidArgument("[transfer '" + layer.spec() + "'] is fitted on activations: expected samples for " + std::to_string(cut.tensors.size()) +
                          " tensors of cut " + cut.id + ", got " + std::to_string(samples.size()));
  auto slices = cut_graph(model, cut.tensors);
  const bool dynamic = has_dynamic_batch(model);
  std::vector<ValueInfo> tensors;
  for (size_t i = 0; i < cut.tensors.size(); ++i) tensors.push_back(cut_tensor(model, cut, i, samples));
  set_boundary(slices.head, slices.head.outputs, tensors, dynamic);
  set_boundary(slices.tail, slices.tail.inputs, tensors, dynamic);
  SplitModel out;
  out.head = slices.head;
  out.tail = out.tail_body = slices.tail;
  Joiner joiner{model, cut, out, dynamic};
  for (size_t i = 0; i < tensors.size(); ++i) {
    out.codecs.push_back(fit(model, tensors[i], layer, i < samples.size() ? std::span<const Tensor>(samples[i]) : std::span<const Tensor>()));
    joiner.add(i, tensors[i]);
    out.wire_bytes += out.codecs.back().code_bytes;
  }
  order_like(out.head.outputs, out.wire);
  order_like(out.tail.inputs, out.wire);
  const auto& body = out.tail_body;  // a join takes these from the decoder, which comes first
  out.tail.name = body.name, out.tail.producer = body.producer, out.tail.metadata = body.metadata, out.tail.opsets = body.opsets;
  fix_batch(out.wire, 1);
  out.head.check();
  out.tail.check();
  return out;
}

}  // namespace scissionlite::transfer
