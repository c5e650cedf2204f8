#include "prepare/prepare.h"

#include <memory>

#include "base/error.h"
#include "base/version.h"
#include "onnx/onnx.h"
#include "prepare/names.h"

namespace scissionlite {
namespace {

Manifest describe(const PrepareOptions& options, const Halves& halves, const std::string& tail_bytes) {
  const bool is_split = options.candidate.kind == Candidate::Kind::kSplit;
  Manifest m;
  m.role = "device";
  m.model_name = options.model_path.stem().string();
  m.tail_name = !options.tail_name.empty() ? options.tail_name : plain_name(m.model_name) + (is_split ? "_tail" : "");
  m.candidate = options.candidate.key();
  m.cut_tensors = halves.cut_tensors;
  m.tl = options.candidate.tl;
  m.model_sha256 = model_sha256(options.model_path);
  m.tail_sha256 = sha256_hex(tail_bytes);
  if (options.candidate.kind != Candidate::Kind::kLocal) m.wire = halves.wire;
  for (const auto& [name, coder] : halves.coders) m.coders[name] = coder->hash();
  for (const auto& info : halves.tail.outputs) m.output_names.push_back(info.name);
  m.original_output_names = halves.original_output_names;
  m.batch_dynamic = halves.batch_dynamic;
  m.batch_note = halves.batch_note;
  m.created_by = kVersion;
  return m;
}

/// What the halves tell about themselves, so that files that were separated still refuse each other.
std::map<std::string, std::string> facts(const PrepareOptions& options, const std::string& model_sha256) {
  return {{vision::kInputMetadataKey, vision::to_json(options.input).dump()},
          {"scissionlite.candidate", options.candidate.key()},
          {"scissionlite.model_sha256", model_sha256}};
}

std::string serialize_head(const PrepareOptions& options, const Halves& halves, const Manifest& manifest) {
  Graph head = halves.head;
  for (const auto& [key, value] : facts(options, manifest.model_sha256)) head.metadata[key] = value;
  head.metadata[kTailMetadataKey] = manifest.tail_sha256;
  return serialize_model(head);
}

std::string serialize_tail(const PrepareOptions& options, const Halves& halves) {
  Graph tail = halves.tail;
  tail.metadata.erase(vision::kInputMetadataKey);  // a tail takes no image
  if (options.candidate.kind != Candidate::Kind::kSplit) tail.metadata[vision::kInputMetadataKey] = vision::to_json(options.input).dump();
  return serialize_model(tail);
}

void write_package(const fs::path& folder, const PrepareOptions& options, const Halves& halves, Manifest& manifest, const std::string& tail_bytes) {
  if (!halves.head.nodes.empty()) {
    const auto head = serialize_head(options, halves, manifest);
    manifest.head_sha256 = sha256_hex(head);
    write_file(folder / "head.onnx", head);
  }
  write_file(folder / "local.onnx", tail_bytes);
  if (options.compile) {
    if (!halves.head.nodes.empty()) write_form(folder, "head.onnx", *options.compile, manifest.compiled);
    write_form(folder, "local.onnx", *options.compile, manifest.compiled);
  }
  write_json(folder / "input.json", vision::to_json(options.input));
  write_file(folder / "probe.bin", serialize(halves.probe));
  if (!halves.probe_picture.empty()) write_file(folder / "probe.png", halves.probe_picture);
  write_coders(folder, halves.coders);
  write_json(folder / "manifest.json", to_json(manifest));
}

}  // namespace

Manifest prepare_candidate(const PrepareOptions& options) {
  return while_doing("preparing '" + options.candidate.key() + "' of '" + options.model_path.string() + "'", [&] {
    const bool wants_repository = !options.repository.empty() && options.candidate.kind != Candidate::Kind::kLocal;
    // Both are made before the work, so that a place that cannot be written is found at once.
    std::unique_ptr<StagedFolder> package, model_folder;
    if (options.compile) check_form_options(*options.compile);
    if (wants_repository) check_repository_options(options.repository_options);
    if (!options.package.empty()) package = std::make_unique<StagedFolder>(options.package);
    if (wants_repository) check_writable(options.repository / ".write_test");
    const auto halves = make_halves(options);
    const auto tail_bytes = serialize_tail(options, halves);
    auto manifest = describe(options, halves, tail_bytes);
    if (package) write_package(package->path(), options, halves, manifest, tail_bytes);
    if (wants_repository) {
      Manifest edge = manifest;
      edge.role = "edge";
      edge.compiled.clear();  // those are the device's
      model_folder = std::make_unique<StagedFolder>(options.repository / manifest.tail_name);
      write_model_folder(model_folder->path(), halves.tail, tail_bytes, edge, options.input, options.repository_options);
      write_coders(model_folder->path(), halves.coders);
      model_folder->commit();
    }
    if (package) package->commit();
    return manifest;
  });
}

}  // namespace scissionlite
