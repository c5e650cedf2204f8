#include <algorithm>
#include <iostream>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/inspect_sparsity.h"
#include "graph/cuts.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "ops/ops.h"
#include "optimise/optimise.h"
#include "vision/model_input.h"

namespace scissionlite::cli {
namespace {

struct Options {
  std::string model, why, input_spec;
  bool asks_why = false, list_nodes = false, list_cuts = false, all_places = false, optimised = false, sparsity = false;
  CutOptions cuts;
};

Json describe(const ValueInfo& info) {
  Json json{{"name", info.name}, {"dtype", dtype_name(info.dtype)}};
  json["shape"] = info.has_shape ? Json(info.shape) : Json();
  return json;
}

std::string describe_line(const ValueInfo& info) {
  return info.name + "  " + std::string(dtype_name(info.dtype)) + " " + (info.has_shape ? to_string(info.shape) : "(shape unknown)");
}

std::string shapes_text(const Cut& cut) {
  std::vector<std::string> parts;
  for (const auto& shape : cut.shapes) {
    std::vector<std::string> sizes;
    for (size_t i = 1; i < shape.size(); ++i) sizes.push_back(shape[i] < 0 ? "?" : std::to_string(shape[i]));
    parts.push_back(sizes.empty() ? "?" : join(sizes, "x"));
  }
  return join(parts, " + ");
}

std::string shorten(const std::string& text, size_t width) { return text.size() <= width ? text : "..." + text.substr(text.size() - width + 3); }

Json cut_json(const Cut& cut, int64_t total_macs) {
  Json dtypes = Json::array();
  for (auto dtype : cut.dtypes) dtypes.push_back(dtype_name(dtype));
  return {{"id", cut.id},
          {"tensors", cut.tensors},
          {"shapes", cut.shapes},
          {"dtypes", dtypes},
          {"bytes", cut.bytes},
          {"position", cut.position},
          {"region", cut.region},
          {"head_macs", cut.head_macs},
          {"head_share", total_macs > 0 ? static_cast<double>(cut.head_macs) / static_cast<double>(total_macs) : 0.0}};
}

std::map<std::string, int> operators_of(const Graph& graph) {
  std::map<std::string, int> counts;
  for (const auto& node : graph.nodes) ++counts[(node.domain.empty() ? "" : node.domain + ".") + node.op_type];
  return counts;
}

std::string counts_text(const Graph& graph) {
  std::vector<std::string> counts;
  for (const auto& [name, count] : operators_of(graph)) counts.push_back(name + " x" + std::to_string(count));
  return join(counts);
}

/// What a tuned engine makes of the model before it runs it.
Json optimised_json(Graph graph) {
  Json passes = Json::array();
  for (const auto& report : optimise(graph))
    passes.push_back(
        {{"pass", report.pass}, {"rewrites", report.rewrites}, {"nodes_before", report.nodes_before}, {"nodes_after", report.nodes_after}});
  return {{"nodes", graph.nodes.size()}, {"operators", operators_of(graph)}, {"passes", passes}};
}

void print_optimised(Graph graph) {
  std::vector<std::vector<std::string>> rows{{"pass", "rewrites", "nodes before", "nodes after"}};
  for (const auto& report : optimise(graph))
    rows.push_back({report.pass, std::to_string(report.rewrites), std::to_string(report.nodes_before), std::to_string(report.nodes_after)});
  std::cout << "\n" << format_table(rows) << "optimised  " << graph.nodes.size() << ": " << counts_text(graph) << "\n";
}

void print_summary(const Graph& graph, const std::vector<Cut>& cuts, int64_t macs) {
  std::vector<std::string> opsets;
  for (const auto& opset : graph.opsets) opsets.push_back((opset.domain.empty() ? "ai.onnx" : opset.domain) + " " + std::to_string(opset.version));
  int64_t weights = 0;
  for (const auto& [name, tensor] : graph.initializers) weights += static_cast<int64_t>(tensor.size_bytes());
  const auto single = std::count_if(cuts.begin(), cuts.end(), [](const Cut& cut) { return cut.is_single(); });
  std::cout << "model      " << graph.name << " (opset " << join(opsets) << ", producer '" << graph.producer << "')\n";
  for (const auto& info : graph.inputs) std::cout << "input      " << describe_line(info) << "\n";
  for (const auto& info : graph.outputs) std::cout << "output     " << describe_line(info) << "\n";
  std::cout << "nodes      " << graph.nodes.size() << ": " << counts_text(graph) << "\n"
            << "cost       " << format_fixed(static_cast<double>(macs) * 1e-6, 1) << " M multiply-accumulates, "
            << format_bytes(static_cast<double>(weights)) << " of constants\n"
            << "cuts       " << single << " through one tensor, " << cuts.size() - static_cast<size_t>(single) << " through several\n";
}

/// Bytes after an operator without a shape rule are unknown, unless the file tells the shape.
void print_unknown_operators(const Graph& graph) {
  std::vector<std::string> unknown;
  for (const auto& node : graph.nodes)
    if (!ops::find(node.domain, node.op_type))
      if (const auto name = (node.domain.empty() ? "" : node.domain + ".") + node.op_type;
          std::find(unknown.begin(), unknown.end(), name) == unknown.end())
        unknown.push_back(name);
  if (unknown.empty()) return;
  std::cout << "unknown    " << join(unknown)
            << ": no shape rule and no cost here, so what follows may have unknown bytes ('?'); it can be cut all the same, and runs "
            << "where the engine knows it (docs/adding_an_operator.md)\n";
}

void print_nodes(const Graph& graph) {
  const auto macs = ops::node_macs(graph);
  std::vector<std::vector<std::string>> rows{{"#", "operator", "name", "output", "shape", "MMACs"}};
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto& node = graph.nodes[i];
    const auto info = node.outputs.empty() ? std::nullopt : graph.find_value(node.outputs[0]);
    rows.push_back({std::to_string(i), node.op_type, shorten(node.name, 40), shorten(node.outputs.empty() ? "" : node.outputs[0], 40),
                    info && info->has_shape ? to_string(info->shape) : "?", format_fixed(static_cast<double>(macs[i]) * 1e-6, 2)});
  }
  std::cout << "\n" << format_table(rows);
}

void print_cuts(const std::vector<Cut>& cuts, int64_t macs) {
  std::vector<std::vector<std::string>> rows{{"cut", "region", "head", "bytes", "shape", "tensors"}};
  for (const auto& cut : cuts) {
    std::vector<std::string> names;
    for (const auto& tensor : cut.tensors) names.push_back(shorten(tensor, 40));
    rows.push_back({cut.id, std::to_string(cut.region),
                    macs > 0 ? format_fixed(100.0 * static_cast<double>(cut.head_macs) / static_cast<double>(macs), 1) + " %" : "?",
                    cut.bytes < 0 ? "?" : std::to_string(cut.bytes), shapes_text(cut), join(names, " + ")});
  }
  std::cout << "\n" << format_table(rows) << "head = share of the model's multiply-accumulates that stays on the device; bytes = plain, one image\n";
}

void print_refusals(const Graph& graph) {
  std::vector<std::vector<std::string>> rows{{"value", "why it is not a cut on its own"}};
  for (const auto& node : graph.nodes)
    for (const auto& output : node.outputs)
      if (!output.empty())
        if (const auto why = why_not_a_cut(graph, output); !why.empty()) rows.push_back({shorten(output, 50), why});
  std::cout << "\n" << format_table(rows);
}

/// @throws InvalidArgument with the nearest names for what is neither a value nor a cut.
[[noreturn]] void refuse_unknown(const Graph& graph, const std::vector<Cut>& cuts, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& cut : cuts) names.push_back(cut.id);
  for (const auto& node : graph.nodes)
    for (const auto& output : node.outputs)
      if (!output.empty()) names.push_back(output);
  throw InvalidArgument("[inspect] '" + name + "' is neither a value of this model nor the id of a cut" + did_you_mean(name, names) +
                        " (`--nodes` lists values, `--cuts` cuts)");
}

/// Why `name` is a cut or none: a value of the model, or else a cut by its id.
void print_why(const Graph& graph, const std::vector<Cut>& cuts, const std::string& name, bool as_json) {
  const auto cut = std::find_if(cuts.begin(), cuts.end(), [&](const Cut& one) { return one.id == name; });
  const bool is_value = graph.find_value(name).has_value() || graph.producers().count(name) > 0;
  if (!is_value && cut == cuts.end()) refuse_unknown(graph, cuts, name);
  const auto why = is_value ? why_not_a_cut(graph, name) : "";
  if (as_json) {
    Json json{{"value", name}, {"is_cut", why.empty()}, {"why", why}};
    if (!is_value) json["tensors"] = cut->tensors;
    std::cout << json.dump(2) << "\n";
    return;
  }
  if (is_value) std::cout << (why.empty() ? "'" + name + "' is a cut: every path crosses it" : why) << "\n";
  else std::cout << "'" << name << "' is a cut: every path crosses " << join(cut->tensors, " or ") << "\n";
}

/// The model; sizes that its input leaves open are those of its input.json, where there is one that fits.
Graph load_sized(const Options& options) {
  auto model = load_model(options.model);
  if (options.input_spec.empty() && !vision::has_open_size(model)) return model;
  try {
    if (!options.input_spec.empty()) return vision::with_input_size(model, vision::find_input_spec(model, options.model, options.input_spec));
    if (const auto spec = vision::find_written_input_spec(model, options.model)) return vision::with_input_size(model, *spec);
  } catch (const InvalidArgument& e) {
    if (!options.input_spec.empty()) throw;
    log::warning("[inspect] " + std::string(e.what()));  // an input.json beside it may be another model's
  }
  log::warning("[inspect] input '" + model.inputs.front().name +
               "' leaves sizes open, so bytes and costs are unknown; give an input.json with --input");
  return model;
}

int inspect(const Options& options, const Common& common) {
  Graph graph = load_sized(options);
  const auto cuts = ops::find_costed_cuts(graph, options.cuts);
  const int64_t macs = ops::total_macs(graph);
  if (options.asks_why) {
    print_why(graph, cuts, options.why, common.json);
    return 0;
  }
  if (common.json) {
    Json json{{"schema", "scissionlite.inspect/1"}, {"model", graph.name}, {"sha256", model_sha256(options.model)}, {"producer", graph.producer}};
    json["opsets"] = Json::array();
    for (const auto& opset : graph.opsets) json["opsets"].push_back({{"domain", opset.domain}, {"version", opset.version}});
    for (const auto* side : {"inputs", "outputs"}) {
      json[side] = Json::array();
      for (const auto& info : side == std::string("inputs") ? graph.inputs : graph.outputs) json[side].push_back(describe(info));
    }
    json["nodes"] = graph.nodes.size();
    json["macs"] = macs;
    json["cuts"] = Json::array();
    for (const auto& cut : cuts) json["cuts"].push_back(cut_json(cut, macs));
    if (options.optimised) json["optimised"] = optimised_json(graph);
    if (options.sparsity) json["sparsity"] = sparsity_json(graph);
    std::cout << json.dump(2) << "\n";
    return 0;
  }
  print_summary(graph, cuts, macs);
  print_unknown_operators(graph);
  if (options.list_nodes) print_nodes(graph);
  if (options.list_cuts || (!options.list_nodes && !options.all_places && !options.optimised && !options.sparsity)) print_cuts(cuts, macs);
  if (options.all_places) print_refusals(graph);
  if (options.optimised) print_optimised(graph);
  if (options.sparsity) print_sparsity(graph);
  return 0;
}

}  // namespace

Run declare_inspect(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  app.add_option("model", options->model, "ONNX file (external data beside it)")->required();
  app.add_flag("--cuts", options->list_cuts, "list the cuts (the default)");
  app.add_flag("--nodes", options->list_nodes, "list the nodes with shapes and cost");
  app.add_flag("--not-cuts", options->all_places, "list every other value and why it is not a cut");
  app.add_flag("--optimise", options->optimised, "list the passes that a tuned engine runs over the model, and what is left (docs/adding_a_pass.md)");
  app.add_flag("--sparsity", options->sparsity, "list the layers with weights: which satisfy 2:4 sparsity, and which almost do");
  const auto* why = app.add_option("--why", options->why, "say why one value is not a cut; a cut's id is taken too")->type_name("VALUE");
  app.add_option("--input,--input-spec", options->input_spec,
                 "input.json: sizes that the model's input leaves open; otherwise from its metadata or beside it");
  app.add_option("--max-tensors", options->cuts.max_tensors, "most tensors that may cross (1: the published rule only)")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  return [options, why, &common] {
    options->asks_why = why->count() > 0;
    return inspect(*options, common);
  };
}

}  // namespace scissionlite::cli
