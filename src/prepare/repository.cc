#include "prepare/repository.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "prepare/names.h"
#include "prepare/triton_python_model.h"

namespace scissionlite {
namespace {

/// Triton's spelling of a type: TYPE_FP32.
std::string config_type(Dtype dtype) { return "TYPE_" + std::string(dtype_oip_name(dtype)); }

std::string list(const Shape& sizes) {
  std::vector<std::string> parts;
  for (int64_t size : sizes) parts.push_back(std::to_string(size));
  return "[ " + join(parts) + " ]";
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out + "\"";
}

std::string tensor_entry(const ValueInfo& info, bool batched) {
  Shape dims = info.shape;
  if (batched) dims.erase(dims.begin());
  return "  { name: " + quoted(info.name) + " data_type: " + config_type(info.dtype) + " dims: " + list(dims) + " }";
}

std::string tensor_list(const std::string& key, const std::vector<ValueInfo>& tensors, bool batched) {
  std::vector<std::string> entries;
  for (const auto& info : tensors) entries.push_back(tensor_entry(info, batched));
  return key + " [\n" + join(entries, ",\n") + "\n]\n";
}

/// Batches want an axis beside that of the batch: servers take no empty dims.
bool have_axes(const std::vector<ValueInfo>& tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const ValueInfo& info) { return info.shape.size() > 1; });
}

bool forms_batches(const Manifest& manifest, const RepositoryOptions& options) { return manifest.batch_dynamic && options.max_batch > 1; }

CompileModelOptions form_options(const Manifest& manifest, const RepositoryOptions& options) {
  auto compile = *options.compile;
  if (!forms_batches(manifest, options)) compile.batches = {1};
  else if (compile.batches.empty()) compile.batches = {1, 2};
  return compile;
}

std::string parameter(const std::string& key, const std::string& value) {
  return "parameters { key: " + quoted(key) + " value { string_value: " + quoted(value) + " } }\n";
}

}  // namespace

RepositoryStyle repository_style(const std::string& name) {
  if (name == "onnx") return RepositoryStyle::kOnnx;
  if (name == "python") return RepositoryStyle::kPython;
  throw InvalidArgument("[prepare] unknown repository style '" + name +
                        "'; expected onnx (any server with an ONNX runtime) or python (Triton's Python backend)");
}

std::string model_config(const Graph& model, const Manifest& manifest, const RepositoryOptions& options) {
  const auto& outputs = manifest.forward ? manifest.forward->outputs : model.outputs;
  const bool batched = forms_batches(manifest, options) && have_axes(model.inputs) && have_axes(outputs);
  const bool is_python = options.style == RepositoryStyle::kPython;
  std::string out = "# " + manifest.candidate + " of " + plain_name(manifest.model_name) + ", written by ScissionLite " + manifest.created_by + "\n";
  out += "name: " + quoted(manifest.tail_name) + "\n";
  out += std::string("backend: ") + (is_python ? "\"python\"" : "\"onnxruntime\"") + "\n";
  out += "max_batch_size: " + std::to_string(batched ? options.max_batch : 0) + "\n";
  out += tensor_list("input", model.inputs, batched) + tensor_list("output", outputs, batched);
  if (batched) out += "dynamic_batching { max_queue_delay_microseconds: " + std::to_string(options.max_queue_delay_us) + " }\n";
  out += "instance_group [ { kind: KIND_CPU count: 1 } ]\n";
  out += parameter("model_sha256", manifest.tail_sha256);
  out += parameter("scissionlite_model_sha256", manifest.model_sha256);
  out += parameter("scissionlite_candidate", manifest.chain());
  if (manifest.forward)
    out += parameter("scissionlite_forwards_to", manifest.forward->tail_name) +
           parameter("scissionlite_forwards_to_sha256", manifest.forward->tail_sha256);
  if (!manifest.batch_note.empty()) out += parameter("scissionlite_batch_note", manifest.batch_note);
  return out;
}

void check_repository_options(const RepositoryOptions& options) {
  if (!options.compile) return;
  check_form_options(*options.compile);
  if (options.style == RepositoryStyle::kPython)
    throw InvalidArgument(
        "[prepare] a repository of style python cannot be compiled: Triton's Python backend runs the ONNX file; take the style onnx");
  for (const auto batch : options.compile->batches)
    if (batch > options.max_batch)
      throw InvalidArgument("[prepare] asked to compile for batches of " + std::to_string(batch) + ", but the server forms none over " +
                            std::to_string(options.max_batch) + "; raise the largest batch, or leave it out");
}

void write_model_folder(const fs::path& folder, const Graph& model, const std::string& bytes, Manifest manifest, const vision::InputSpec& input,
                        const RepositoryOptions& options) {
  write_file(folder / "config.pbtxt", model_config(model, manifest, options));
  const bool is_python = options.style == RepositoryStyle::kPython;
  write_file(folder / "1" / (is_python ? "tail.onnx" : "model.onnx"), bytes);
  if (options.compile) write_form(folder, "1/model.onnx", form_options(manifest, options), manifest.compiled);
  if (is_python) write_file(folder / "1" / "model.py", kTritonPythonModel);
  write_json(folder / "manifest.json", to_json(manifest));
  if (candidate_from_key(manifest.candidate).kind != Candidate::Kind::kSplit)  // a tail takes no image
    write_json(folder / "input.json", vision::to_json(input));
}

fs::path model_file(const fs::path& model_folder) {
  for (const char* name : {"model.onnx", "tail.onnx"})
    if (const auto path = model_folder / "1" / name; fs::exists(path)) return path;
  throw InvalidArgument("[repository] '" + model_folder.string() +
                        "' has neither 1/model.onnx nor 1/tail.onnx; expected a folder that `scissionlite prepare --repository` wrote");
}

}  // namespace scissionlite
