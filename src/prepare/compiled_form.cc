#include "prepare/compiled_form.h"

#include "base/error.h"
#include "base/log.h"
#include "kernels/vector/loops.h"
#include "onnx/onnx.h"

namespace scissionlite {
namespace {

constexpr const char* kAgain = "; the file was changed or replaced: prepare the package again";

[[noreturn]] void refuse(const fs::path& file, const std::string& given, const std::string& expected) {
  throw InvalidArgument("[package] '" + file.string() + "' " + given + ", expected " + expected + kAgain);
}

bool leads_out(const fs::path& path) {
  bool out = path.empty() || path.is_absolute();
  for (const auto& part : path) out = out || part == "..";
  return out;
}

}  // namespace

CompiledForms compiled_forms_from_json(const JsonReader& json) {
  CompiledForms forms;
  for (const auto& [path, hash] : json.members()) {
    const auto text = hash.text();
    if (leads_out(path)) json.fail("hashes by the names of folders below this one; '" + path + "' is none");
    if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != std::string::npos) hash.fail("64 hexadecimal digits");
    forms[path] = text;
  }
  return forms;
}

fs::path form_path(const fs::path& onnx) { return fs::path(onnx).replace_extension(".compiled"); }

void check_form_options(const CompileModelOptions& options) {
  const auto& loops = options.isa.empty() ? kernels::best_loops() : kernels::described_loops(options.isa);
  (void)tune::load_choices(options.tuning, loops, options.threads);
}

void write_form(const fs::path& folder, const std::string& onnx, CompileModelOptions options, CompiledForms& forms) {
  options.model = folder / onnx;
  options.folder = form_path(options.model);
  if (options.batches.empty()) options.batches = {1};
  while_doing("compiling " + onnx, [&] { (void)compile_model(load_model(options.model), options); });
  forms[form_path(onnx).generic_string()] = sha256_hex(read_file(options.folder / kCompiledJson));
}

void check_form(const fs::path& folder, const std::string& path, const std::string& sha256, const std::string& model_sha256) {
  const auto form = folder / path, file = form / kCompiledJson;
  if (!fs::is_regular_file(file))
    throw InvalidArgument("[package] '" + folder.string() + "' has no " + path + "/" + kCompiledJson +
                          ", which its manifest names; prepare the package again");
  if (const auto given = sha256_hex(read_file(file)); given != sha256) refuse(file, "has sha256 " + given, sha256);
  if (const auto compiled = load_compiled(form); compiled.model_sha256 != model_sha256)
    refuse(form, "was compiled from a model with sha256 " + compiled.model_sha256, model_sha256);
}

void check_form_bytes(const fs::path& form) {
  for (const auto& file : load_compiled(form).files)
    if (const auto given = sha256_hex(read_file(form / file.name, uint64_t{64} << 30)); given != file.sha256)
      refuse(form / file.name, "has sha256 " + given, file.sha256);
}

Graph load_packaged(const PackagedModel& model, const std::string& engine) {
  if (model.form.empty() || !make_backend(engine.empty() ? default_backend() : engine)->runs_compiled()) return load_model(model.onnx);
  const auto reason = native::reason_against(load_compiled(model.form));
  if (reason.empty()) return compiled_graph(model.form, model.onnx);
  log::warning("[package] '" + model.onnx.string() + "' is loaded instead of its compiled form, which takes longer: " + reason +
               "; prepare with --compile by this build and for this CPU");
  return load_model(model.onnx);
}

}  // namespace scissionlite
