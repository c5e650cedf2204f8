#include "server/models/repository.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/folder_state.h"
#include "base/log.h"
#include "base/text.h"
#include "server/call/names.h"
#include "server/models/model_config_internal.h"
#include "server/models/model_folder.h"

namespace scissionlite::server {
namespace {

constexpr auto kLookAtEnding = std::chrono::milliseconds(5);
constexpr double kLoadingUs = 1e6;  // a guess of how long it goes on

std::vector<int64_t> wanted_versions(const fs::path& folder, const inference::ModelVersionPolicy& policy) {
  auto versions = versions_in(folder);
  if (policy.has_specific()) {
    const auto& wanted = policy.specific().versions();
    if (wanted.empty()) throw InvalidArgument("[server] version_policy is specific and names no version; expected specific: { versions: [ 1 ] }");
    for (const int64_t version : wanted)
      if (std::find(versions.begin(), versions.end(), version) == versions.end())
        throw InvalidArgument("[server] version_policy names version " + std::to_string(version) + ", which " + folder.string() + " does not have");
    return {wanted.begin(), wanted.end()};
  }
  if (versions.empty()) throw InvalidArgument("[server] " + folder.string() + " has no version folder; expected <model>/1/model.onnx");
  const size_t count = policy.has_all() ? versions.size() : std::max<size_t>(policy.latest().num_versions(), 1);
  if (versions.size() > count) versions.erase(versions.begin(), versions.end() - static_cast<std::ptrdiff_t>(count));
  return versions;
}

}  // namespace

bool is_unfinished(const std::string& name) { return name.find(".partial-") != std::string::npos; }

Repository::Repository(std::vector<fs::path> paths, ModelOptions options, KeepOptions keep, Clock& clock)
    : paths_(std::move(paths)), options_(std::move(options)), keep_(keep), clock_(clock) {
  for (const auto& path : paths_)
    if (!is_folder(path))
      throw InvalidArgument("[server] the model repository '" + path.string() +
                            "' is not a folder; expected <repository>/<model>/1/model.onnx, as prepare writes it");
  const auto names = look().names;
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
    throw InvalidArgument("[server] two model repositories hold a model '" + *twice + "'; names must be unique");
}

/// Where a run hangs that is for ever: what its thread uses must not go before it does, and whoever ends the process knows how long to wait.
Repository::~Repository() {
  entries_.clear();
  for (const auto& model : made_)
    while (!model.expired()) std::this_thread::sleep_for(kLookAtEnding);
}

Repository::OnDisk Repository::look() const {
  OnDisk out;
  for (const auto& repository : paths_) {
    std::error_code unlisted;
    for (const auto& path : list_folder(repository, unlisted)) {
      const auto name = path.filename().string();
      if (!is_model_name(name) || is_unfinished(name)) continue;
      std::error_code unknown;
      if (fs::is_directory(path, unknown)) out.names.push_back(name);
      out.is_whole = out.is_whole && !unknown;
    }
    out.is_whole = out.is_whole && !unlisted;
  }
  std::sort(out.names.begin(), out.names.end());
  return out;
}

std::vector<fs::path> Repository::folders_on_disk() const {
  std::vector<fs::path> folders;
  for (const auto& name : look().names) folders.push_back(folder_of(name));
  return folders;
}

fs::path Repository::folder_of(const std::string& name, const MayKnow& may_know) const {
  const std::string failed = "failed to load '" + printable(name) + "', failed to poll from model repository";
  if (!is_model_name(name)) throw InvalidArgument(failed + "; a model name has letters, digits, '.', '_' and '-' only");
  for (const auto& path : paths_)
    if (is_folder(path / name)) return path / name;
  auto known = look().names;
  std::erase_if(known, [&](const auto& other) { return !may_know(other); });
  throw InvalidArgument(failed + did_you_mean(name, known));
}

bool Repository::begin_loading(const std::string& name, const std::string& folder_state) {
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[name];
  const bool is_ready = entry.state == "READY" && entry.reason.empty() &&
                        std::all_of(entry.versions.begin(), entry.versions.end(), [](const auto& version) { return version.second->is_ready(); });
  if (std::exchange(loaded_states_[name], folder_state) == folder_state && is_ready) return false;
  if (entry.versions.empty()) entry.state = "LOADING";
  entry.reason = "";
  return true;
}

void Repository::load(const std::string& name, const MayKnow& may_know) {
  const std::lock_guard one_at_a_time(loading_);
  const auto folder = folder_of(name, may_know);
  const double start_us = Clock::steady().now_us();
  if (!begin_loading(name, folder_state(folder))) return log::info("[server] '" + name + "' is loaded and has not changed");
  if (options_.joints) options_.joints->look(folders_on_disk());
  std::map<int64_t, std::shared_ptr<Model>> versions;
  try {
    const auto config = read_config(folder);
    const auto wanted = wanted_versions(folder, config.version_policy());
    {
      const std::lock_guard lock(mutex_);
      entries_[name].named = wanted;
    }
    for (const int64_t version : wanted) versions[version] = Model::load(folder, version, config, options_);
  } catch (const std::exception& e) {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[name];
    entry.state = entry.versions.empty() ? "UNAVAILABLE" : "READY";  // the old version keeps serving
    entry.reason = e.what();
    throw;
  }
  const auto newest = versions.rbegin()->second;
  std::vector<std::string> numbers;
  for (const auto& [version, model] : versions) numbers.push_back(std::to_string(version));
  Ended ended;  // here, outside the lock, as the old ones in `versions` are
  {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[name];
    entry.versions.swap(versions);
    ended = keep(entry, versions);
    entry.state = "READY";
    entry.reason = "";
    std::erase_if(made_, [](const auto& model) { return model.expired(); });
    for (const auto& [version, model] : entry.versions) made_.push_back(model);
  }
  const auto& engine = newest->engine();
  log::info("[server] loaded '" + name + "' version" + (numbers.size() > 1 ? "s " : " ") + join(numbers, ", ") + " (" + engine.spec + " " +
            engine.version + ", " + engine.precision + ", max batch " + std::to_string(newest->interface().max_batch) + ", sha256 " +
            newest->interface().sha256.substr(0, 12) + ") in " + format_us(Clock::steady().now_us() - start_us));
}

/// Under the lock.
Repository::Ended Repository::keep(Entry& entry, const std::map<int64_t, std::shared_ptr<Model>>& old) const {
  Ended ended;
  for (const auto& [version, model] : old) entry.kept.push_back({model, clock_.now_us()});
  const auto is_served = [&](const Kept& kept) {
    return std::any_of(entry.versions.begin(), entry.versions.end(),
                       [&](const auto& v) { return v.second->interface().sha256 == kept.model->interface().sha256; });
  };
  std::erase_if(entry.kept, [&](Kept& kept) { return is_served(kept) ? ended.push_back(std::move(kept.model)), true : false; });
  std::stable_sort(entry.kept.begin(), entry.kept.end(), [](const Kept& a, const Kept& b) { return a.asked_us < b.asked_us; });
  for (; entry.kept.size() > keep_.versions; entry.kept.erase(entry.kept.begin())) ended.push_back(std::move(entry.kept.front().model));
  return ended;
}

/// Nobody else looks after these.
void Repository::tell_dead_of_unloaded() {
  std::vector<std::shared_ptr<Model>> unloaded;
  const auto served = all();
  {
    const std::lock_guard lock(mutex_);
    for (const auto& made : made_)
      if (auto model = made.lock(); model && std::find(served.begin(), served.end(), model) == served.end()) unloaded.push_back(std::move(model));
  }
  for (const auto& model : unloaded) model->tell_dead();
}

void Repository::end_unused() {
  tell_dead_of_unloaded();
  Ended ended;
  {
    const std::lock_guard lock(mutex_);
    const double now_us = clock_.now_us();
    for (auto& [name, entry] : entries_)
      std::erase_if(entry.kept, [&](Kept& kept) {  // one that is at a run would hold up whoever ends it, for ever where it hangs
        const bool is_over = now_us - kept.asked_us >= keep_.unused_us && kept.model->batcher().is_idle();
        return is_over ? ended.push_back(std::move(kept.model)), true : false;
      });
  }
  for (const auto& model : ended)
    log::info("[server] the replaced '" + model->interface().name + "' with sha256 " + model->interface().sha256.substr(0, 12) +
              " was not asked for within " + format_us(keep_.unused_us) + " and is unloaded");
}

size_t Repository::kept() const {
  const std::lock_guard lock(mutex_);
  size_t count = 0;
  for (const auto& [name, entry] : entries_) count += entry.kept.size();
  return count;
}

/// Whose folder is gone, and was at the last look too: one that is being replaced is gone for a moment. A repository that cannot be listed says
/// nothing.
void Repository::unload_removed(const OnDisk& there, bool is_asked_for) {
  if (!there.is_whole) {
    if (!std::exchange(is_out_of_sight_, true)) log::warning("[server] the model repository cannot be listed; models that are loaded stay so");
    return;
  }
  is_out_of_sight_ = false;
  std::vector<std::string> gone;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : entries_)
      if (!std::binary_search(there.names.begin(), there.names.end(), name)) gone.push_back(name);
  }
  for (const auto& name : gone) {
    if (!std::exchange(seen_[name], "").empty() && !is_asked_for) continue;
    unload(name);
    const std::lock_guard lock(mutex_);
    entries_.erase(name), loaded_states_.erase(name), seen_.erase(name);
    log::info("[server] '" + name + "' is unloaded: its folder was removed");
  }
}

void Repository::load_changed(bool is_asked_for) {
  const std::lock_guard one_at_a_time(looking_);
  const auto there = look();
  unload_removed(there, is_asked_for);
  tell_misnamed();
  for (const auto& name : there.names) {
    try {
      const auto state = folder_state(folder_of(name));
      const auto before = std::exchange(seen_[name], state);
      {
        const std::lock_guard lock(mutex_);
        if (loaded_states_[name] == state) continue;
      }
      if (before != state && !is_asked_for) continue;  // it may be half copied
      load(name);
    } catch (const std::exception& e) { log::error("[server] model '" + name + "' has changed and cannot be loaded: " + e.what()); }
  }
}

/// Folders of models that no request could name. Each is told of once.
std::map<std::string, std::string> Repository::tell_misnamed() {
  std::map<std::string, std::string> found;
  std::error_code error;
  for (const auto& path : paths_)
    for (const auto& folder : list_folder(path, error)) {
      const auto name = folder.filename().string();
      if (is_model_name(name) || is_unfinished(name) || !is_folder(folder) || versions_in(folder).empty()) continue;
      found[printable(name)] = "a model name has letters, digits, '.', '_' and '-' only; rename its folder";
    }
  const std::lock_guard lock(mutex_);
  for (const auto& [name, why] : found)
    if (misnamed_.insert(name).second) log::error("[server] model '" + name + "' cannot be served: " + why);
  return found;
}

std::map<std::string, std::string> Repository::load_all() {
  auto failures = tell_misnamed();
  for (const auto& name : look().names) {
    try {
      load(name);
    } catch (const std::exception& e) {
      log::error("[server] model '" + name + "' cannot be served: " + e.what());
      failures[name] = e.what();
    }
  }
  return failures;
}

void Repository::unload(const std::string& name) {
  std::map<int64_t, std::shared_ptr<Model>> old;
  std::vector<Kept> kept;
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(name);
  if (it == entries_.end()) return;
  old.swap(it->second.versions);
  kept.swap(it->second.kept);
  it->second.state = "UNAVAILABLE";
  it->second.reason = "unloaded";
  if (!old.empty()) log::info("[server] unloaded '" + name + "'");
}

std::shared_ptr<Model> Repository::find(const std::string& name, const std::string& version) const {
  const std::lock_guard lock(mutex_);
  const auto it = entries_.find(name);
  if (!version.empty() && !parse_version(version))
    throw Refusal(Code::kInvalidArgument, "failed to get model version from specified version string '" + printable(version) +
                                              "' (details: stoll), version should be an integral value > 0");
  if (it == entries_.end()) throw Refusal(Code::kNotFound, "Request for unknown model: '" + printable(name) + "' is not found");
  const auto& versions = it->second.versions;
  const auto none = [&](const char* why) { return "Request for unknown model: '" + printable(name) + "' has no available versions" + why; };
  if (versions.empty() && it->second.state == "LOADING") throw Refusal(Code::kUnavailable, none("; it is being loaded"), kLoadingUs);
  if (version.empty()) {
    if (!versions.empty()) return versions.rbegin()->second;
    throw Refusal(Code::kNotFound, none(""));
  }
  const auto found = versions.find(*parse_version(version));
  if (found == versions.end()) throw Refusal(Code::kNotFound, "Request for unknown model: '" + name + "' version " + version + " is not found");
  return found->second;
}

std::shared_ptr<Model> Repository::find(const std::string& name, const std::string& version, const std::string& sha256) {
  auto usual = std::as_const(*this).find(name, version);
  if (sha256.empty() || usual->interface().sha256 == sha256 || !version.empty()) return usual;
  const std::lock_guard lock(mutex_);
  auto& entry = entries_[name];
  for (const auto& [number, model] : entry.versions)
    if (model->interface().sha256 == sha256) return model;
  for (auto& kept : entry.kept)
    if (kept.model->interface().sha256 == sha256) return kept.asked_us = clock_.now_us(), kept.model;
  return usual;
}

std::vector<std::shared_ptr<Model>> Repository::loaded(const std::string& name) const {
  std::vector<std::shared_ptr<Model>> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, entry] : entries_)
    if (name.empty() || key == name)
      for (const auto& [version, model] : entry.versions) out.push_back(model);
  return out;
}

std::vector<std::shared_ptr<Model>> Repository::replaced() const {
  std::vector<std::shared_ptr<Model>> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, entry] : entries_)
    for (const auto& kept : entry.kept) out.push_back(kept.model);
  return out;
}

std::vector<std::shared_ptr<Model>> Repository::all() const {
  auto out = loaded();
  for (auto& model : replaced()) out.push_back(std::move(model));
  return out;
}

std::vector<IndexEntry> Repository::index() const {
  std::vector<IndexEntry> out;
  const auto names = look().names;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, entry] : entries_) {
    for (const auto& [version, model] : entry.versions)
      out.push_back({name, std::to_string(version), model->is_ready() ? "READY" : "UNAVAILABLE",
                     model->is_ready() ? entry.reason : "the engine hangs, or does not answer its own probe"});
    if (!entry.versions.empty()) continue;
    for (const int64_t version : entry.named) out.push_back({name, std::to_string(version), entry.state, entry.reason});
    if (entry.named.empty()) out.push_back({name, "1", entry.state, entry.reason});
  }
  for (const auto& name : names)
    if (!entries_.count(name)) out.push_back({name, "", "", ""});
  return out;
}

bool Repository::is_ready() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, entry] : entries_) {
    if (entry.state == "LOADING" || (entry.state == "UNAVAILABLE" && entry.reason != "unloaded")) return false;
    for (const auto& [version, model] : entry.versions)
      if (!model->is_ready()) return false;
    for (const auto& kept : entry.kept)
      if (!kept.model->can_infer()) return false;
  }
  return true;
}

}  // namespace scissionlite::server
