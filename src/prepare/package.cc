#include "prepare/package.h"

#include "base/error.h"
#include "prepare/coder_files.h"

namespace scissionlite {
namespace {

std::string read_part(const fs::path& folder, const std::string& name) {
  const auto path = folder / name;
  if (!fs::exists(path))
    throw InvalidArgument("[package] '" + folder.string() + "' has no " + name + "; expected a folder that `scissionlite prepare --package` wrote");
  return read_file(path);
}

void check_hash(const fs::path& folder, const std::string& name, const std::string& expected) {
  const auto given = sha256_hex(read_part(folder, name));
  if (given != expected)
    throw InvalidArgument("[package] '" + (folder / name).string() + "' has sha256 " + given + ", the manifest expects " + expected +
                          "; the file was changed or replaced: prepare the package again");
}

}  // namespace

void check_head_names_tail(const Graph& head, const Manifest& manifest) {
  const auto found = head.metadata.find(kTailMetadataKey);
  const auto given = found == head.metadata.end() ? "" : found->second;
  if (given != manifest.tail_sha256)
    throw InvalidArgument("[package] head.onnx belongs to tail '" + given + "', the manifest to '" + manifest.tail_sha256 +
                          "'; the files of two packages were mixed: prepare the package again");
}

void DevicePackage::check_input_of(const Graph& model) const {
  const auto found = model.metadata.find(vision::kInputMetadataKey);
  if (found == model.metadata.end()) return;
  const std::string where = "metadata '" + std::string(vision::kInputMetadataKey) + "' of '" + model.name + "'";
  const Json made_for = vision::to_json(vision::input_spec_from_json(parse_json(found->second, where), where)), given = vision::to_json(input);
  for (const auto& [key, value] : made_for.items())
    if (key != "labels" && key != "label_offset" && key != "decision" && given.value(key, Json()) != value)
      throw InvalidArgument("[package] '" + (folder / "input.json").string() + "' has " + key + " " + given.value(key, Json()).dump() +
                            ", the model of the package was prepared for " + value.dump() +
                            "; the file was changed, or the files of two packages were mixed: prepare the package again");
}

PackagedModel DevicePackage::with_form(const fs::path& onnx) const {
  const auto form = form_path(onnx);
  return {onnx, manifest.compiled.count(form.filename().string()) > 0 ? form : fs::path()};
}

ProbeTensors DevicePackage::load_probe() const {
  const auto path = folder / "probe.bin";
  return parse_probe(read_part(folder, "probe.bin"), path.string());
}

DevicePackage open_package(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw InvalidArgument("[package] '" + folder.string() + "' is " + (fs::exists(folder) ? "a file" : "missing") +
                          "; expected a folder that `scissionlite prepare --package` wrote");
  DevicePackage package;
  package.folder = folder;
  const auto manifest_path = (folder / "manifest.json").string();
  package.manifest = manifest_from_json(parse_json(read_part(folder, "manifest.json"), manifest_path), manifest_path);
  const auto& m = package.manifest;
  if (m.role != "device")
    throw InvalidArgument("[package] '" + manifest_path + "' has role '" + m.role +
                          "', expected 'device': this is the edge's folder; give the one written by --package");
  if (candidate_from_key(m.candidate).kind == Candidate::Kind::kSplit) check_hash(folder, "head.onnx", m.head_sha256);
  check_hash(folder, "local.onnx", m.local_hash());
  for (const auto& [name, hash] : m.coders)
    if (const auto given = load_coder(folder, name)->hash(); given != hash)
      throw InvalidArgument("[package] '" + (folder / coder_file_name(name)).string() + "' is code model " + given + ", the manifest expects " +
                            hash + "; the file was changed or replaced: prepare the package again");
  for (const auto& [path, hash] : m.compiled) check_form(folder, path, hash, path == form_path("head.onnx") ? m.head_sha256 : m.local_hash());
  (void)read_part(folder, "input.json");
  package.input = vision::load_input_spec(folder / "input.json");
  (void)package.load_probe();
  return package;
}

}  // namespace scissionlite
