#include "prepare/prepare.h"

#include <memory>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "base/version.h"
#include "onnx/onnx.h"
#include "prepare/further_plans.h"
#include "prepare/names.h"
#include "prepare/places.h"

namespace scissionlite {
namespace {

std::string model_name(const PrepareOptions& options) { return options.model_path.stem().string(); }

/// Of the edge's model in its repository.
std::string tail_name(const PrepareOptions& options) {
  if (!options.tail_name.empty()) return options.tail_name;
  const bool is_split = options.candidate.kind == Candidate::Kind::kSplit;
  return plain_name(model_name(options)) + (options.next ? "_middle" : is_split ? "_tail" : "");
}

/// Of the cloud's model in its repository.
std::string cloud_name(const PrepareOptions& options) {
  return !options.cloud_name.empty() ? options.cloud_name : plain_name(model_name(options)) + "_tail";
}

Manifest describe(const PrepareOptions& options, const Halves& halves) {
  Manifest m;
  m.role = "device";
  m.model_name = model_name(options);
  m.tail_name = tail_name(options);
  m.candidate = options.candidate.key();
  m.cut_tensors = halves.cut_tensors;
  m.tl = options.candidate.tl;
  m.model_sha256 = model_sha256(options.model_path);
  if (options.candidate.kind != Candidate::Kind::kLocal) m.wire = halves.wire;
  for (const auto& [name, coder] : halves.coders) m.coders[name] = coder->hash();
  for (const auto& info : (halves.next ? halves.next->tail : halves.tail).outputs) m.output_names.push_back(info.name);
  m.original_output_names = halves.original_output_names;
  m.batch_dynamic = halves.batch_dynamic;
  m.batch_note = halves.batch_note;
  m.created_by = kVersion;
  return m;
}

/// Of the cloud's model, from the edge's.
Manifest describe_cloud(const PrepareOptions& options, const Halves& cloud, Manifest m) {
  m.role = "edge";
  m.tail_name = cloud_name(options);
  m.candidate = options.next->key();
  m.cut_tensors = cloud.cut_tensors;
  m.tl = options.next->tl;
  m.wire = cloud.wire;
  m.coders.clear();
  for (const auto& [name, coder] : cloud.coders) m.coders[name] = coder->hash();
  m.batch_dynamic = cloud.batch_dynamic;
  m.batch_note = cloud.batch_note;
  return m;
}

Forwarding forwarding_to(const Manifest& cloud, const Halves& halves) {
  Forwarding out{.candidate = cloud.candidate, .tail_name = cloud.tail_name, .tail_sha256 = cloud.tail_sha256, .outputs = halves.next->tail.outputs};
  for (auto& info : out.outputs)
    if (!halves.batch_dynamic && info.has_shape && !info.shape.empty() && info.shape[0] < 0) info.shape[0] = 1;
  return out;
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

/// @param forward  of the middle: its hash is to stand for the cloud's tail too.
std::string serialize_tail(const PrepareOptions& options, Graph tail, bool takes_image, const std::optional<Forwarding>& forward = {}) {
  tail.metadata.erase(vision::kInputMetadataKey);  // a tail takes no image
  if (takes_image) tail.metadata[vision::kInputMetadataKey] = vision::to_json(options.input).dump();
  if (forward) tail.metadata[kTailMetadataKey] = forward->tail_sha256;
  return serialize_model(tail);
}

void write_package(const fs::path& folder, const PrepareOptions& options, const Halves& halves, Manifest& manifest, const std::string& local_bytes) {
  if (!halves.head.nodes.empty()) {
    const auto head = serialize_head(options, halves, manifest);
    manifest.head_sha256 = sha256_hex(head);
    write_file(folder / "head.onnx", head);
  }
  write_file(folder / "local.onnx", local_bytes);
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

/// What the edge needs of the cloud.
void write_cloud_part(const fs::path& folder, const PrepareOptions& options, const Halves& cloud, const Manifest& manifest,
                      const std::string& tail_bytes) {
  write_json(folder / "manifest.json", to_json(manifest));
  write_file(folder / "probe.bin", serialize(cloud.probe));
  write_coders(folder, cloud.coders);
  if (options.cloud_copy) write_file(folder / "local.onnx", tail_bytes);
}

void check_cloud(const PrepareOptions& options, bool wants_repository) {
  if (options.cloud_repository.empty() && options.next && wants_repository)
    throw InvalidArgument("[prepare] '" + options.candidate.key() + "|" + options.next->key() +
                          "' is of three machines: give the cloud's repository too (--cloud-repository)");
  if (!options.cloud_repository.empty() && !options.next)
    throw InvalidArgument(
        "[prepare] '" + options.candidate.key() +
        "' is of two machines and needs no cloud's repository; a chain is written split/<cut>/<transfer layer>|split/<later cut>/<transfer layer>");
}

void check_options(const PrepareOptions& options, bool wants_repository) {
  if (options.compile) check_form_options(*options.compile);
  if (wants_repository) check_repository_options(options.repository_options);
  check_cloud(options, wants_repository);
  if (wants_repository || !options.tail_name.empty()) check_model_name(tail_name(options));
  if (options.next) check_model_name(cloud_name(options));
}

/// What would be lost there, and places that cannot be written, are found before the work.
void check_places(const PrepareOptions& options, bool wants_repository, MadeFolders& made) {
  const auto repository = wants_repository ? options.repository : fs::path(), &cloud = options.cloud_repository;
  check_apart({{"the device package", options.package}, {"the repository", repository}, {"the cloud's repository", cloud}});
  if (!options.package.empty()) check_package_place(options.package);
  if (!repository.empty()) check_model_place(repository / tail_name(options));
  if (!cloud.empty()) check_model_place(cloud / cloud_name(options));
  for (const auto& folder : {repository, cloud, options.package})
    if (!folder.empty()) made.expect(folder);
  for (const auto& folder : {repository, cloud})
    if (!folder.empty()) const StagedFolder tried(folder / "write_test");  // never committed: it goes at once
}

/// A model folder under construction in a repository.
std::unique_ptr<StagedFolder> model_folder(const fs::path& repository, const PrepareOptions& options, const Graph& model, const std::string& bytes,
                                           Manifest manifest, const transfer::CodeModels& coders) {
  manifest.role = "edge";
  manifest.compiled.clear();  // those are the device's
  manifest.local_sha256.clear();
  auto folder = std::make_unique<StagedFolder>(repository / manifest.tail_name);
  write_model_folder(folder->path(), model, bytes, manifest, options.input, options.repository_options);
  write_coders(folder->path(), coders);
  return folder;
}

using Models = std::vector<std::unique_ptr<StagedFolder>>;

bool wants_repository(const PrepareOptions& options) { return !options.repository.empty() && options.candidate.kind != Candidate::Kind::kLocal; }

std::string key_of(const PrepareOptions& options) { return options.candidate.key() + (options.next ? "|" + options.next->key() : ""); }

/// What each plan is prepared with, the asked one first.
std::vector<PrepareOptions> with_further_plans(const PrepareOptions& options) {
  std::vector<PrepareOptions> out{options};
  if (!options.also.empty() && options.package.empty())
    throw InvalidArgument("[prepare] further plans (--also) lie in the device package: give --package");
  for (const auto& key : options.also) {
    auto plan = options;
    const auto links = chain_from_key(key);
    plan.candidate = links.front();
    plan.next.reset();
    if (links.size() > 1) plan.next = links[1];
    else plan.cloud_repository.clear();
    for (const auto& other : out)
      if (further_plan_path(other.candidate.key()) == further_plan_path(plan.candidate.key()))
        throw InvalidArgument("[prepare] '" + key + "' of --also is in the package already, where '" + key_of(other) +
                              "' is: plans are told apart by what the device sends");
    if (plan.next && !out.front().next) out.front().cloud_repository.clear();  // it is the further plan's
    const auto suffix = "_" + plain_name(key_of(plan));
    plan.tail_name = (options.tail_name.empty() ? plain_name(options.model_path.stem().string()) : options.tail_name) + suffix;
    plan.cloud_name = (options.cloud_name.empty() ? plain_name(options.model_path.stem().string()) + "_cloud" : options.cloud_name) + suffix;
    out.push_back(std::move(plan));
  }
  return out;
}

/// One plan: its package below `folder` ("": none), its models behind those that are under construction.
Manifest write_plan(const PrepareOptions& options, const fs::path& folder, Models& models) {
  const auto halves = make_halves(options);
  const bool takes_image = options.candidate.kind != Candidate::Kind::kSplit;
  auto manifest = describe(options, halves);
  Manifest cloud;
  std::string cloud_bytes;
  if (halves.next) {
    cloud = describe_cloud(options, *halves.next, manifest);
    cloud_bytes = serialize_tail(options, halves.next->tail, /*takes_image=*/false);
    cloud.tail_sha256 = sha256_hex(cloud_bytes);
    manifest.forward = forwarding_to(cloud, halves);
  }
  const auto tail_bytes = serialize_tail(options, halves.tail, takes_image, manifest.forward);
  const auto local_bytes = halves.next ? serialize_tail(options, halves.local, takes_image) : tail_bytes;
  manifest.tail_sha256 = sha256_hex(tail_bytes);
  if (halves.next) manifest.local_sha256 = sha256_hex(local_bytes), cloud.head_sha256 = manifest.tail_sha256;
  if (!folder.empty()) write_package(folder, options, halves, manifest, local_bytes);
  if (wants_repository(options)) {
    models.push_back(model_folder(options.repository, options, halves.tail, tail_bytes, manifest, halves.coders));
    if (halves.next) write_cloud_part(models.back()->path() / "cloud", options, *halves.next, cloud, cloud_bytes);
  }
  if (!options.cloud_repository.empty())
    models.push_back(model_folder(options.cloud_repository, options, halves.next->tail, cloud_bytes, cloud, halves.next->coders));
  return manifest;
}

}  // namespace

std::vector<Candidate> chain_from_key(const std::string& key) {
  std::vector<Candidate> links;
  for (const auto& part : split(key, '|')) links.push_back(candidate_from_key(part));
  if (links.size() > 2)
    throw InvalidArgument("[candidate] '" + key + "' crosses " + std::to_string(links.size()) + " links; there are two at most: device, edge, cloud");
  return links;
}

std::vector<Manifest> prepare_candidate(const PrepareOptions& options) {
  const auto plans = with_further_plans(options);
  for (const auto& plan : plans) check_options(plan, wants_repository(plan));
  MadeFolders made;
  for (const auto& plan : plans) check_places(plan, wants_repository(plan), made);
  std::unique_ptr<StagedFolder> package;
  if (!options.package.empty()) package = std::make_unique<StagedFolder>(options.package);
  std::vector<Manifest> manifests;
  Models models;
  for (const auto& plan : plans)
    while_doing("preparing '" + key_of(plan) + "' of '" + options.model_path.string() + "'", [&] {
      manifests.push_back(
          write_plan(plan, package ? package->path() / (manifests.empty() ? fs::path() : further_plan_path(key_of(plan))) : fs::path(), models));
    });
  for (auto model = models.rbegin(); model != models.rend(); ++model) (*model)->commit();  // the cloud's first: who asks comes after who answers
  if (package) package->commit();
  made.keep();
  return manifests;
}

}  // namespace scissionlite
