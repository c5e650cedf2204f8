// ONNX files to Graph and back, without loss for what a Graph holds.
//
// What lives here: import (opset 7 to the newest, external data), export, and the identity of a model. The message
// classes are generated from the ONNX wheel's onnx-ml.proto under the package scissionlite.onnx and stay in .cc files.
// Relies on graph. Start with `load_model`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "graph/graph.h"

namespace scissionlite {

/// A folder that `scissionlite compile` wrote is loaded as one node, which the engine that wrote it runs (compiled.h).
/// @throws ResourceError (no file), ModelError (truncated, empty, not ONNX, an external file missing or outside the
/// model's folder, a bad tensor), Unsupported (opset below 7, If/Loop/Scan, local functions, string tensors).
[[nodiscard]] Graph load_model(const fs::path& path);
/// The same from memory; external data is looked for in `folder`.
[[nodiscard]] Graph parse_model(std::string_view bytes, const fs::path& folder = {}, const std::string& where = "model");

/// One file, tensors inside. @throws Unsupported over 2 GiB (protobuf's limit).
[[nodiscard]] std::string serialize_model(const Graph& graph);
void save_model(const Graph& graph, const fs::path& path);

/// SHA-256 over the bytes of the file and its external data in order of first use: the identity of a model.
[[nodiscard]] std::string model_sha256(const fs::path& path);

}  // namespace scissionlite
