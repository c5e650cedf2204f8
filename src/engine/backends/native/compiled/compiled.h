// Models compiled to a folder and loaded from one. The folder:
//   compiled.json  what it is, for what, and every step with its reason (onnx/compiled.h)
//   graphs.json    what programs are lowered from (stored.h)
//   weights.bin    packed weights, mapped
//   model.onnx     the model itself, where it was asked for: what is missing or cannot run is compiled anew from it
#pragma once

#include <functional>

#include "engine/backends/native/compiled/mapped_weights.h"
#include "engine/engine.h"
#include "onnx/compiled.h"

namespace scissionlite {

struct CompileModelOptions {
  fs::path model;                   // the ONNX file
  fs::path folder;                  // replaced, if it is a compiled model
  std::vector<int64_t> batches{1};  // compiled for; where the model fixes the batch, that one is
  int threads = 1;                  // that it will run with
  std::string isa = "";             // "avx512", "avx2", "base"; empty: the widest of this CPU
  std::string tuning = "";          // as CompileOptions::tuning
  std::string precision = "f32";    // as CompileOptions::precision
  bool is_portable = false;         // keep a copy of the model
};

/// What a compilation is about to do.
using CompileProgress = std::function<void(const std::string& doing)>;

/// Writes the folder; whatever fails, nothing of it stays behind and what was there before is there still.
/// @throws Unsupported, ModelError as compile does; ResourceError for a full disk; InvalidArgument when the target is something else.
CompiledModel compile_model(const Graph& graph, const CompileModelOptions& options, const CompileProgress& progress = {});

namespace native {

/// Of the code that orders weights and reads graphs: a compiled model of another build is not run. From cmake/fingerprint.cmake.
[[nodiscard]] const char* build_fingerprint();

/// A folder opened.
struct OpenedModel {
  CompiledModel compiled;
  Stored stored;
  std::shared_ptr<MappedWeights> weights;
};
/// Why this build on this machine cannot run it; empty when it can.
[[nodiscard]] std::string reason_against(const CompiledModel& compiled);
/// @throws InvalidArgument when a file is missing, damaged or of something else.
[[nodiscard]] OpenedModel open_compiled(const fs::path& folder, CompiledModel compiled);
/// Its copy of the model. @throws InvalidArgument when there is none, or it is another model.
[[nodiscard]] Graph kept_model(const CompiledModel& compiled, const fs::path& folder);
/// The file that it was compiled from. @throws InvalidArgument when it is another model; ResourceError, ModelError as load_model.
[[nodiscard]] Graph model_beside(const CompiledModel& compiled, const fs::path& model);
[[nodiscard]] bool keeps_model(const CompiledModel& compiled);

}  // namespace native
}  // namespace scissionlite
