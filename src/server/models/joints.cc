#include "server/models/joints.h"

#include <algorithm>
#include <set>

#include "base/folder_state.h"
#include "base/json.h"
#include "base/log.h"
#include "onnx/onnx.h"
#include "server/models/model_config_internal.h"
#include "server/models/model_folder.h"

namespace scissionlite::server {
namespace {

/// "" where the folder does not say.
std::string uncut_model(const fs::path& folder) {
  const auto json = read_manifest(folder);
  return JsonReader(json, (folder / "manifest.json").string()).text_or("model_sha256", "");
}

/// Of the newest version.
std::vector<Ending> read_endings(const fs::path& folder) {
  try {
    if (versions_in(folder).empty()) return {};
    return endings_of(load_model(version_file(folder, versions_in(folder).back(), read_config(folder))));
  } catch (const std::exception& e) {
    log::debug("[server] '" + folder.string() + "' is not joined with others: " + e.what());
    return {};
  }
}

}  // namespace

std::optional<std::string> best_joint(const std::vector<std::vector<Ending>>& endings) {
  std::map<std::string, std::pair<int64_t, int64_t>> found;  // hash -> macs, models
  for (const auto& model : endings) {
    std::set<std::string> of_model;
    for (const auto& ending : model)
      if (of_model.insert(ending.hash).second) found[ending.hash].first = ending.macs, ++found[ending.hash].second;
  }
  std::optional<std::string> best;
  int64_t most = 0;
  for (const auto& [hash, value] : found)
    if (const int64_t saved = value.first * (value.second - 1); saved > most) best = hash, most = saved;
  return best;
}

void Joints::look(const std::vector<fs::path>& folders) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::vector<fs::path>> groups;
  std::map<fs::path, Seen> seen;
  for (const auto& folder : folders) {
    try {
      const auto state = folder_state(folder);
      const auto before = seen_.find(folder);
      auto& now = seen[folder] = before != seen_.end() && before->second.state == state
                                     ? before->second
                                     : Seen{.state = state, .uncut_sha256 = uncut_model(folder), .endings = std::nullopt};
      if (!now.uncut_sha256.empty()) groups[now.uncut_sha256].push_back(folder);
    } catch (const std::exception& e) { log::debug("[server] '" + folder.string() + "' is not joined with others: " + e.what()); }
  }
  for (const auto& [uncut, members] : groups) {
    if (members.size() < 2 || chosen_.count(uncut) > 0) continue;  // those that are loaded have the chosen one
    std::vector<std::vector<Ending>> endings;
    for (const auto& folder : members) {
      auto& of_folder = seen[folder].endings;
      if (!of_folder) of_folder = read_endings(folder);
      endings.push_back(*of_folder);
    }
    if (const auto best = best_joint(endings)) chosen_[uncut] = *best;
  }
  seen_ = std::move(seen);
}

std::optional<Joints::Part> Joints::part(const Graph& graph, const std::string& uncut_sha256, const BatchingOptions& batching,
                                         const std::string& engine, int threads) {
  const std::lock_guard lock(mutex_);
  const auto chosen = chosen_.find(uncut_sha256);
  if (chosen == chosen_.end()) return std::nullopt;
  const auto endings = endings_of(graph);
  const auto ending = std::find_if(endings.begin(), endings.end(), [&](const Ending& one) { return one.hash == chosen->second; });
  if (ending == endings.end()) return std::nullopt;
  auto parts = part_at(graph, ending->tensor);
  auto& known = joints_[ending->hash + "/" + std::to_string(batching.max_batch)];
  auto joint = known.lock();
  const bool is_new = !joint;
  if (is_new) known = joint = std::make_shared<Joint>(ending->hash, parts.second, batching, engine, threads);
  log::info("[server] " + std::string(is_new ? "begins" : "joins") + " what models of " + uncut_sha256.substr(0, 12) + " run together, behind '" +
            ending->tensor + "'");
  return Part{.first = std::move(parts.first), .joint = std::move(joint)};
}

}  // namespace scissionlite::server
