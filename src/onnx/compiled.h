// A compiled model: a folder that `scissionlite compile` wrote and the engine that wrote it runs. What it says of itself stands in
// compiled.json (this file); the rest is the engine's. Commands load it as they load an ONNX file: as a graph of one node.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "graph/graph.h"

namespace scissionlite {

inline constexpr const char* kCompiledJson = "compiled.json";
inline constexpr const char* kCompiledModel = "model.onnx";    // a copy of the model, where it was wanted
inline constexpr const char* kCompiledNode = "CompiledModel";  // of domain "scissionlite", attribute "folder"

/// One step as it runs, and why so.
struct CompiledStep {
  std::string node, implementation, reason;
  int64_t macs = 0;
};

/// What runs for inputs of these shapes.
struct CompiledProgram {
  std::vector<Shape> shapes;
  int64_t arena_bytes = 0;
  std::vector<CompiledStep> steps;
};

/// Everything in the folder but compiled.json is listed: weights, graphs, a copy of the model, generated code.
struct CompiledFile {
  std::string name;  // below the folder
  int64_t bytes = 0;
  std::string sha256;
  std::string checksum;  // fast_hash, 16 hexadecimal digits: what read_compiled_file checks
};

/// compiled.json ("scissionlite.compiled/1").
struct CompiledModel {
  std::string model_name, model_sha256;
  std::string created_by;     // version of ScissionLite
  std::string engine, build;  // the engine's name, and the state of its code: other code may order weights otherwise
  std::string isa;
  int lanes = 1, threads = 1;  // floats of a vector; threads that choices were made for (any number may run)
  std::string precision;
  std::string cpu;     // that choices were made on
  std::string tuning;  // file of the choices that were measured, "" without
  std::vector<ValueInfo> inputs, outputs;
  std::map<std::string, std::string> metadata;  // of the model: how images are prepared, which tail a head belongs to
  int64_t packed_bytes = 0;
  std::vector<CompiledProgram> programs;
  std::vector<CompiledFile> files;

  /// Null when it is not listed.
  [[nodiscard]] const CompiledFile* file(const std::string& name) const;
};

[[nodiscard]] Json to_json(const CompiledModel& compiled);
/// @throws InvalidArgument naming the field.
[[nodiscard]] CompiledModel compiled_from_json(const Json& json, const std::string& where);

/// A type as the project's JSON files have it; `shape` is left out where it is unknown.
[[nodiscard]] Json value_to_json(const ValueInfo& info);
[[nodiscard]] ValueInfo value_from_json(const JsonReader& json);
[[nodiscard]] Json values_to_json(const std::vector<ValueInfo>& values);
/// An integer of at least `least`. @throws InvalidArgument naming the field.
[[nodiscard]] int64_t count_from(const JsonReader& json, int64_t least = 0);
/// 16 hexadecimal digits.
[[nodiscard]] std::string checksum_text(uint64_t hash);

/// Whether the folder looks like a compiled model.
[[nodiscard]] bool is_compiled(const fs::path& folder);
/// @throws InvalidArgument when compiled.json is missing or damaged, or a listed file is missing or of another size.
[[nodiscard]] CompiledModel load_compiled(const fs::path& folder);
/// The bytes of a listed file. @throws InvalidArgument when they are not those that were written.
[[nodiscard]] std::string read_compiled_file(const fs::path& folder, const CompiledModel& compiled, const std::string& name);

/// One node that stands for the whole: what `load_model` gives for such a folder.
/// @param model  the ONNX file that it was compiled from, where that is kept elsewhere: what the folder lacks or cannot run here is
/// compiled from it. Empty: only a copy in the folder serves so.
[[nodiscard]] Graph compiled_graph(const fs::path& folder, const fs::path& model = {});
/// The folder, when the graph is one from `compiled_graph`; else empty.
[[nodiscard]] fs::path compiled_folder(const Graph& graph);
/// The `model` that it was given; empty when there was none.
[[nodiscard]] fs::path model_of_compiled(const Graph& graph);

}  // namespace scissionlite
