// Compiled forms: what `scissionlite compile` makes of the ONNX files of a package or repository, in a folder beside each, so that the
// engine `native` starts in milliseconds. The ONNX file stays what the model is: its hash is the identity, other engines run it, and so
// does `native` where the form is of another build or CPU, or a batch comes that it was not compiled for.
#pragma once

#include <map>
#include <string>

#include "base/json.h"
#include "engine/backends/native/compiled/compiled.h"

namespace scissionlite {

/// Forms of a package or of a model folder: paths below it ("head.compiled", "1/model.compiled") to the SHA-256 of their compiled.json,
/// which lists sizes and hashes of all other files.
using CompiledForms = std::map<std::string, std::string>;
/// @throws InvalidArgument naming the field: a value that is no hash, a path that leads out of the folder.
[[nodiscard]] CompiledForms compiled_forms_from_json(const JsonReader& json);

/// Where the form of an ONNX file lies: "1/model.onnx" -> "1/model.compiled". Within the version folder Triton, KServe and the OpenVINO
/// Model Server look for the model's own name only; a folder beside "1" they would take for a version, and warn at each load.
[[nodiscard]] fs::path form_path(const fs::path& onnx);

/// Checks before long work what needs no model. @throws InvalidArgument: an unknown instruction set; ResourceError: no such tuning file.
void check_form_options(const CompileModelOptions& options);
/// Writes the form of `folder`/`onnx` and notes it in `forms`. @param options  `model` and `folder` are set here; without batches for one image.
/// @throws Unsupported when the engine `native` cannot compile the model, and what compile_model throws.
void write_form(const fs::path& folder, const std::string& onnx, CompileModelOptions options, CompiledForms& forms);

/// Whether `folder`/`path` is what the manifest lists, made from the model of that hash. Cost: reads compiled.json, asks for the sizes of the
/// other files; what is in them is checked when the engine loads them. @throws InvalidArgument naming the file.
void check_form(const fs::path& folder, const std::string& path, const std::string& sha256, const std::string& model_sha256);
/// Whether all files are, byte for byte, those that were written. @throws InvalidArgument naming the file.
void check_form_bytes(const fs::path& form);

/// An ONNX file, and its form where it has one.
struct PackagedModel {
  fs::path onnx;
  fs::path form;  // empty: none
};
/// What `engine` is given to run: of a form one node, which it opens; the ONNX file's graph where there is no form, the engine does not take
/// forms, or this one cannot run here, which the log says with the reason.
[[nodiscard]] Graph load_packaged(const PackagedModel& model, const std::string& engine);

}  // namespace scissionlite
