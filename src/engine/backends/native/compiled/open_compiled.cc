#include <algorithm>

#include "base/cpu.h"
#include "base/error.h"
#include "engine/backends/native/compiled/compiled.h"
#include "engine/backends/native/compiled/stored_kernels.h"
#include "kernels/vector/loops.h"
#include "onnx/onnx.h"

namespace scissionlite::native {
namespace {

/// The widest loops that may run (SCISSIONLITE_ISA lowers that) and all narrower ones.
bool can_run(const std::string& isa) {
  const auto all = kernels::all_loops();
  const auto widest = std::find(all.begin(), all.end(), &kernels::best_loops());
  return std::any_of(widest, all.end(), [&](const auto* loops) { return isa == loops->isa; });
}

}  // namespace

bool keeps_model(const CompiledModel& compiled) { return compiled.file(kCompiledModel) != nullptr; }

std::string reason_against(const CompiledModel& compiled) {
  if (compiled.engine != "native") return "it was compiled for the engine '" + compiled.engine + "', this one is native";
  if (compiled.build != build_fingerprint())
    return "it was compiled by another build of ScissionLite (" + compiled.created_by + ", code " + compiled.build + "; this one is code " +
           build_fingerprint() + ")";
  if (!can_run(compiled.isa))
    return "it was compiled for " + compiled.isa + ", which this CPU (" + this_machine().cpu + ") lacks or SCISSIONLITE_ISA rules out";
  return "";
}

OpenedModel open_compiled(const fs::path& folder, CompiledModel compiled) {
  OpenedModel opened{std::move(compiled), {}, nullptr};
  const auto path = folder / kGraphsJson;
  opened.stored = stored_from_json(parse_json(read_compiled_file(folder, opened.compiled, kGraphsJson), path.string()), path.string());
  bring_kernels(folder, kernels::loops_named(opened.compiled.isa));
  opened.weights = std::make_shared<MappedWeights>(folder / kWeightsBin, opened.stored.weights);
  for (auto& program : opened.stored.programs)
    for (const auto& [name, identity] : program.values) {
      auto& constant = program.graph.initializers.at(name);
      constant = opened.weights->values(identity, constant.dtype(), constant.shape());
    }
  return opened;
}

Graph kept_model(const CompiledModel& compiled, const fs::path& folder) {
  const auto path = folder / kCompiledModel;
  if (!keeps_model(compiled)) throw InvalidArgument("[native] '" + folder.string() + "' keeps no model; compile it with --portable");
  if (const auto given = sha256_hex(read_file(path)); given != compiled.file(kCompiledModel)->sha256)
    throw InvalidArgument("[native] '" + path.string() + "' has sha256 " + given + ", compiled was a model with " +
                          compiled.file(kCompiledModel)->sha256 + "; the file was changed or replaced: compile the model again");
  return load_model(path);
}

Graph model_beside(const CompiledModel& compiled, const fs::path& model) {
  if (const auto given = model_sha256(model); given != compiled.model_sha256)
    throw InvalidArgument("[native] '" + model.string() + "' has sha256 " + given + ", compiled was a model with " + compiled.model_sha256 +
                          "; the file was changed or replaced");
  return load_model(model);
}

}  // namespace scissionlite::native
