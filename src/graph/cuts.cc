#include "graph/cuts.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/text.h"
#include "graph/data_flow.h"
#include "graph/min_frontier.h"

namespace scissionlite {
namespace {

const std::set<std::string>& moving_operators() {
  static const std::set<std::string> names{"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Transpose", "Cast"};
  return names;
}

/// Values that everything passes, by the published rule: after their producer nothing else is live.
std::vector<int> single_cut_values(const DataFlow& flow) {
  constexpr int kNever = std::numeric_limits<int>::max();
  std::vector<int> last_use(flow.values.size(), -1);
  for (size_t n = 0; n < flow.nodes.size(); ++n)
    for (int input : flow.node_inputs[n]) last_use[static_cast<size_t>(input)] = static_cast<int>(n);
  for (size_t v = 0; v < flow.values.size(); ++v)
    if (flow.values[v].is_output) last_use[v] = kNever;
  std::vector<int> ending(flow.nodes.size(), 0);
  int live = 0;
  for (size_t v = 0; v < flow.values.size(); ++v) {
    if (flow.values[v].is_input) ++live;
    if (last_use[v] >= 0 && last_use[v] != kNever) ++ending[static_cast<size_t>(last_use[v])];
  }
  std::vector<int> cuts;
  for (size_t n = 0; n < flow.nodes.size(); ++n) {
    live += static_cast<int>(flow.node_outputs[n].size()) - ending[n];
    if (live == 1 && flow.node_outputs[n].size() == 1 && !flow.values[static_cast<size_t>(flow.node_outputs[n][0])].is_output)
      cuts.push_back(flow.node_outputs[n][0]);
  }
  return cuts;
}

/// Values from `begin` (the entry) to `end` (the exit), both included, as a region of their own.
Region make_region(const DataFlow& flow, int begin, int end) {
  Region region;
  std::vector<int> number(flow.values.size(), -1);
  for (int v = begin; v <= end; ++v) {
    number[static_cast<size_t>(v)] = static_cast<int>(region.values.size());
    region.values.push_back(v);
    const auto& value = flow.values[static_cast<size_t>(v)];
    region.bytes.push_back(value.bytes);
    region.may_cross.push_back(!value.is_input && !value.is_output && v != end);
  }
  const auto inside = [&](const std::vector<int>& list) {
    std::vector<int> out;
    for (int v : list)
      if (number[static_cast<size_t>(v)] >= 0) out.push_back(number[static_cast<size_t>(v)]);
    return out;
  };
  for (int v : region.values) {
    region.uses.push_back(inside(flow.uses[static_cast<size_t>(v)]));
    region.sources.push_back(inside(flow.sources[static_cast<size_t>(v)]));
    const int node = flow.values[static_cast<size_t>(v)].node;
    auto siblings = node < 0 ? std::vector<int>{} : inside(flow.node_outputs[static_cast<size_t>(node)]);
    siblings.erase(std::remove(siblings.begin(), siblings.end(), number[static_cast<size_t>(v)]), siblings.end());
    region.siblings.push_back(std::move(siblings));
  }
  return region;
}

Cut make_cut(const Graph& graph, const DataFlow& flow, std::vector<int> values, int region) {
  std::sort(values.begin(), values.end());
  Cut cut;
  cut.region = region;
  bool known = true;
  int64_t bytes = 0;
  std::vector<std::string> parts;
  for (int v : values) {
    const auto& value = flow.values[static_cast<size_t>(v)];
    cut.tensors.push_back(value.name);
    auto info = graph.find_value(value.name).value_or(ValueInfo{});
    if (!info.shape.empty() && info.shape[0] < 0) info.shape[0] = 1;
    cut.shapes.push_back(info.has_shape ? info.shape : Shape{});
    cut.dtypes.push_back(info.dtype);
    known = known && value.known_bytes;
    bytes += value.bytes;
    const auto& siblings = flow.node_outputs[static_cast<size_t>(value.node)];
    const auto which = std::find(siblings.begin(), siblings.end(), v) - siblings.begin();
    parts.push_back(std::to_string(value.node) + (siblings.size() > 1 ? "." + std::to_string(which) : ""));
  }
  cut.bytes = known ? bytes : -1;
  std::reverse(parts.begin(), parts.end());
  cut.id = join(parts, "+");
  // the head is everything the crossing values are computed from
  std::vector<bool> node_in_head(flow.nodes.size(), false);
  std::vector<int> todo = values;
  while (!todo.empty()) {
    const int v = todo.back();
    todo.pop_back();
    const int node = flow.values[static_cast<size_t>(v)].node;
    if (node < 0 || node_in_head[static_cast<size_t>(node)]) continue;
    node_in_head[static_cast<size_t>(node)] = true;
    ++cut.position;
    const auto& inputs = flow.node_inputs[static_cast<size_t>(node)];
    todo.insert(todo.end(), inputs.begin(), inputs.end());
  }
  return cut;
}

/// Keeps, in order of position, each cut that sends fewer bytes than all before it.
std::vector<Cut> fewest_bytes_first(std::vector<Cut> cuts) {
  std::stable_sort(cuts.begin(), cuts.end(),
                   [](const Cut& a, const Cut& b) { return std::pair(a.position, a.bytes) < std::pair(b.position, b.bytes); });
  std::vector<Cut> kept;
  for (auto& cut : cuts)
    if (kept.empty() || cut.bytes < kept.back().bytes) kept.push_back(std::move(cut));
  return kept;
}

/// Only the parallel paths of a region matter: a chain has no multi-tensor frontier.
bool is_chain(const Region& region) {
  return std::all_of(region.uses.begin(), region.uses.end(), [](const auto& uses) { return uses.size() <= 1; });
}

std::vector<Cut> multi_cuts(const Graph& graph, const DataFlow& flow, int begin, int end, int index, int max_tensors) {
  const Region region = make_region(flow, begin, end);
  if (is_chain(region)) return {};
  std::set<std::vector<int>> seen;
  std::vector<Cut> cuts;
  for (int v = 0; v < static_cast<int>(region.values.size()); ++v) {
    auto frontier = min_frontier(region, v, max_tensors);
    if (frontier.size() < 2) continue;
    for (int& value : frontier) value = region.values[static_cast<size_t>(value)];
    std::sort(frontier.begin(), frontier.end());
    if (seen.insert(frontier).second) cuts.push_back(make_cut(graph, flow, frontier, index));
  }
  return fewest_bytes_first(std::move(cuts));
}

}  // namespace

std::vector<Cut> find_cuts(const Graph& graph, const CutOptions& options) {
  const auto flow = data_flow(graph);
  if (flow.values.empty()) return {};
  const auto singles = single_cut_values(flow);
  std::vector<Cut> cuts;
  int region = 0, begin = 0;
  const auto add_region = [&](int end) {
    if (options.max_tensors > 1)
      for (auto& cut : multi_cuts(graph, flow, begin, end, region, options.max_tensors)) cuts.push_back(std::move(cut));
  };
  for (int value : singles) {
    add_region(value);
    const auto& producer = graph.nodes[flow.nodes[static_cast<size_t>(flow.values[static_cast<size_t>(value)].node)]];
    if (options.include_reshaping || !moving_operators().count(producer.op_type)) cuts.push_back(make_cut(graph, flow, {value}, region));
    ++region;
    begin = value;
  }
  add_region(static_cast<int>(flow.values.size()) - 1);
  return cuts;
}

std::string why_not_a_cut(const Graph& graph, const std::string& value) {
  const auto flow = data_flow(graph);
  const auto it = flow.index.find(value);
  if (it == flow.index.end())
    return graph.find_value(value) ? "'" + value + "' is a constant or leads to no output" : "'" + value + "' is not a value of this model";
  const auto& wanted = flow.values[static_cast<size_t>(it->second)];
  if (wanted.is_input) return "'" + value + "' is an input: sending it is the edge-only plan";
  if (wanted.is_output) return "'" + value + "' is an output: nothing would be left for the edge";
  std::vector<bool> above(flow.values.size(), false);
  std::vector<int> todo{it->second};
  while (!todo.empty()) {
    const int v = todo.back();
    todo.pop_back();
    if (above[static_cast<size_t>(v)]) continue;
    above[static_cast<size_t>(v)] = true;
    for (int source : flow.sources[static_cast<size_t>(v)]) todo.push_back(source);
  }
  // What the device has when the value is there: the inputs, and every output of the nodes above it.
  std::vector<bool> is_above(flow.nodes.size(), false), at_hand = above;
  for (size_t n = 0; n < flow.nodes.size(); ++n) {
    const auto& outputs = flow.node_outputs[n];
    is_above[n] = std::any_of(outputs.begin(), outputs.end(), [&](int v) { return above[static_cast<size_t>(v)]; });
    for (int output : outputs) at_hand[static_cast<size_t>(output)] = is_above[n];
  }
  for (size_t v = 0; v < flow.values.size(); ++v) at_hand[v] = at_hand[v] || flow.values[v].is_input;
  for (size_t n = 0; n < flow.nodes.size(); ++n)
    for (int input : flow.node_inputs[n])
      if (!is_above[n] && at_hand[static_cast<size_t>(input)] && input != it->second)
        return "'" + flow.values[static_cast<size_t>(input)].name + "' goes round it into " + graph.nodes[flow.nodes[n]].label() +
               "; it would have to cross as well";
  for (size_t v = 0; v < flow.values.size(); ++v)
    if (at_hand[v] && static_cast<int>(v) != it->second && flow.values[v].is_output)
      return "output '" + flow.values[v].name + "' is produced before it";
  return "";
}

Cut find_cut(const std::vector<Cut>& cuts, const std::string& wanted) {
  std::vector<std::string> names;
  const auto parts = split(wanted, wanted.find(',') != std::string::npos ? ',' : '+');
  for (const auto& cut : cuts) {
    if (cut.id == wanted || join(cut.tensors, "+") == wanted || join(cut.tensors, ",") == wanted) return cut;
    auto a = cut.tensors, b = parts;
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    if (a == b) return cut;
    names.push_back(cut.id);
    names.push_back(join(cut.tensors, "+"));
  }
  throw InvalidArgument("[cut] no cut '" + wanted + "'" + did_you_mean(wanted, names) + " (see `scissionlite inspect MODEL --cuts`)");
}

}  // namespace scissionlite
