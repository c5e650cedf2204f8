#include "onnx/compiled.h"

#include "base/error.h"

namespace scissionlite {
namespace {

/// An attribute of the node, when the graph is one from `compiled_graph`; else empty.
fs::path path_of_compiled(const Graph& graph, const std::string& attribute) {
  if (graph.nodes.size() != 1 || graph.nodes[0].op_type != kCompiledNode || graph.nodes[0].domain != "scissionlite") return {};
  return graph.nodes[0].text_attribute(attribute, "");
}

}  // namespace

const CompiledFile* CompiledModel::file(const std::string& name) const {
  for (const auto& file : files)
    if (file.name == name) return &file;
  return nullptr;
}

bool is_compiled(const fs::path& folder) { return fs::is_regular_file(folder / kCompiledJson); }

CompiledModel load_compiled(const fs::path& folder) {
  if (!is_compiled(folder))
    throw InvalidArgument("[compiled] '" + folder.string() + "' is a folder without " + kCompiledJson +
                          "; expected an ONNX file, or a folder that `scissionlite compile` wrote");
  const auto path = folder / kCompiledJson;
  auto compiled = compiled_from_json(read_json(path, "compiled", 1), path.string());
  for (const auto& file : compiled.files) {
    std::error_code error;
    const auto bytes = fs::file_size(folder / file.name, error);
    if (error || bytes != static_cast<uintmax_t>(file.bytes))
      throw InvalidArgument("[compiled] '" + (folder / file.name).string() + "' " +
                            (error ? "is missing" : "has " + std::to_string(bytes) + " bytes") + ", expected " + std::to_string(file.bytes) +
                            " bytes; the folder was copied in part or changed: copy it again, or compile the model again");
  }
  return compiled;
}

std::string read_compiled_file(const fs::path& folder, const CompiledModel& compiled, const std::string& name) {
  const auto* listed = compiled.file(name);
  if (!listed) throw InvalidArgument("[compiled] '" + (folder / kCompiledJson).string() + "' lists no '" + name + "'; compile the model again");
  auto bytes = read_file(folder / name);
  if (const auto given = checksum_text(fast_hash(std::as_bytes(std::span(bytes)))); given != listed->checksum)
    throw InvalidArgument("[compiled] '" + (folder / name).string() + "' has checksum " + given + ", expected " + listed->checksum +
                          "; the file was damaged: copy it again, or compile the model again");
  return bytes;
}

Graph compiled_graph(const fs::path& folder, const fs::path& model) {
  const auto compiled = load_compiled(folder);
  Graph graph;
  graph.name = compiled.model_name;
  graph.opsets = {{"", 17}, {"scissionlite", 1}};
  graph.producer = "scissionlite compile " + compiled.created_by;
  graph.inputs = compiled.inputs;
  graph.outputs = compiled.outputs;
  graph.metadata = compiled.metadata;
  Node node{.name = compiled.model_name,
            .op_type = kCompiledNode,
            .domain = "scissionlite",
            .inputs = {},
            .outputs = {},
            .attributes = {{"folder", fs::absolute(folder).string()}},
            .doc = {}};
  if (!model.empty()) node.attributes["model"] = fs::absolute(model).string();
  for (const auto& input : compiled.inputs) node.inputs.push_back(input.name);
  for (const auto& output : compiled.outputs) node.outputs.push_back(output.name);
  graph.nodes.push_back(std::move(node));
  return graph;
}

fs::path compiled_folder(const Graph& graph) { return path_of_compiled(graph, "folder"); }

fs::path model_of_compiled(const Graph& graph) { return path_of_compiled(graph, "model"); }

}  // namespace scissionlite
