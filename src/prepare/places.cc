#include "prepare/places.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/replaced.h"
#include "prepare/coder_files.h"

namespace scissionlite {
namespace {

using Names = std::set<std::string>;

const Names kOfPackage{"manifest.json", "head.onnx", "head.compiled", "local.onnx", "local.compiled", "input.json", "probe.bin", "probe.png", "also"};
const Names kOfModel{"config.pbtxt", "manifest.json", "input.json", "1", "cloud"};
const Names kOfVersion{"model.onnx", "model.compiled", "tail.onnx", "model.py", "__pycache__"};  // the last is Triton's, of model.py
const Names kOfCloud{"manifest.json", "probe.bin", "local.onnx"};

/// "device" or "edge"; "" for a folder without a manifest that can be read.
std::string role_of(const fs::path& folder) {
  constexpr uint64_t kMostBytes = uint64_t{16} << 20;
  const auto path = folder / "manifest.json";
  try {
    const auto json = parse_json(read_file(path, kMostBytes), path.string());
    return JsonReader(json, path.string()).at("role").text();
  } catch (const Error&) { return ""; }
}

[[noreturn]] void refuse(const fs::path& folder, const std::string& why) { refuse_to_replace("prepare", folder, why); }

[[noreturn]] void refuse_foreign(const fs::path& folder, const fs::path& entry) {
  refuse(folder, "holds '" + entry.lexically_relative(folder).string() + "', which `prepare` does not write");
}

/// Of `within`, which is `folder` or lies in it. Any of these folders may hold coders.
void check_known(const fs::path& folder, const fs::path& within, const Names& names) {
  if (!is_folder(within)) return;
  const auto is_known = [&](const std::string& name) { return names.count(name) > 0 || name.ends_with(coder_file_name("")); };
  if (const auto foreign = foreign_entry(within, is_known); !foreign.empty()) refuse_foreign(folder, foreign);
}

/// Of equal or nested folders the path of the inner one begins with that of the outer one.
bool is_within(const fs::path& inner, const fs::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

/// As it is on the disk, with links followed as far as it is there.
fs::path real_path(const fs::path& path) {
  std::error_code error;
  auto real = fs::weakly_canonical(fs::absolute(path), error);
  if (error) real = fs::absolute(path).lexically_normal();
  return real.has_filename() ? real : real.parent_path();
}

}  // namespace

void check_package_place(const fs::path& folder) {
  if (!is_taken(folder)) return;
  if (role_of(folder) != "device") refuse(folder, "exists and is no device package (no manifest.json in it says so)");
  check_known(folder, folder, kOfPackage);
  std::error_code error;
  for (const auto& plan : list_folder(folder / "also", error)) {
    if (role_of(plan) != "device") refuse_foreign(folder, plan);
    check_known(folder, plan, kOfPackage);
  }
}

void check_model_place(const fs::path& folder) {
  if (!is_taken(folder)) return;
  if (role_of(folder) != "edge") refuse(folder, "exists and is no model that `prepare` wrote (no manifest.json in it says so)");
  check_known(folder, folder, kOfModel);
  check_known(folder, folder / "1", kOfVersion);
  check_known(folder, folder / "cloud", kOfCloud);
}

void check_apart(const std::vector<Place>& places) {
  for (const auto& inner : places)
    for (const auto& outer : places)
      if (&inner != &outer && !inner.folder.empty() && !outer.folder.empty() && is_within(real_path(inner.folder), real_path(outer.folder)))
        throw InvalidArgument("[prepare] " + inner.what + " '" + inner.folder.string() + "' is in " + outer.what + " '" + outer.folder.string() +
                              "'; give each a folder of its own, beside the other");
}

MadeFolders::~MadeFolders() {
  std::error_code ignored;
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ignored);  // only where it is empty
}

void MadeFolders::expect(const fs::path& folder) {
  std::vector<fs::path> missing;
  std::error_code ignored;
  for (auto path = real_path(folder); path.has_relative_path() && !fs::exists(path, ignored); path = path.parent_path()) missing.push_back(path);
  made_.insert(made_.end(), missing.rbegin(), missing.rend());
}

}  // namespace scissionlite
