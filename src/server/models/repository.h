// The models that are served: folders on disk, loaded versions in memory.
//
// A repository is a folder of model folders: <model>/config.pbtxt (optional), <model>/<version>/model.onnx. Requests only
// look up names among the loaded models; the file system is touched by loading alone, and only for names that are safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "server/models/model.h"

namespace scissionlite::server {

/// Whether who asks may know of a model of that name.
using MayKnow = std::function<bool(const std::string& name)>;
inline bool everybody_may(const std::string&) { return true; }

struct IndexEntry {
  // The reason of a READY model says why its last reload failed.
  std::string name, version, state, reason;  // state "READY", "UNAVAILABLE", "LOADING"; "" = never loaded
};

/// Versions that were replaced stay loaded for devices that still ask for them by their hash.
struct KeepOptions {
  size_t versions = 2;       // at most, a model; of more the one goes that was not asked for the longest
  double unused_us = 600e6;  // and after so long without a request
};

/// Safe to use from several threads; loading one model does not hold up requests to others.
class Repository {
 public:
  /// @throws InvalidArgument when a path is no folder, or two hold a model of the same name.
  Repository(std::vector<fs::path> paths, ModelOptions options, KeepOptions keep = {}, Clock& clock = Clock::steady());
  /// Waits until the last run of every model that it has loaded has ended.
  ~Repository();
  Repository(const Repository&) = delete;
  Repository& operator=(const Repository&) = delete;

  /// Loads or reloads the versions that the model's policy asks for; what is ready and has not changed on disk stays as it is. While the new ones
  /// load, the old ones serve on; after the swap, requests in flight end on the old, which is kept as KeepOptions says. @throws InvalidArgument for
  /// an unknown name, which tells of the names there are those that `may_know` allows, and what Model::load throws.
  void load(const std::string& name, const MayKnow& may_know = everybody_may);
  /// Loads every model; one that fails is logged and shows in the index. Returns the reasons of the failures, by name.
  std::map<std::string, std::string> load_all();
  /// Loads models whose folder has changed or is new, and unloads those whose folder is gone; unless `is_asked_for` only when it looks as at the last
  /// call. Failures are logged.
  void load_changed(bool is_asked_for);
  /// Ends versions that were replaced and are no longer asked for, and the requests that wait in vain for one that is unloaded. Call it every few
  /// seconds.
  void end_unused();
  /// With the versions that it has replaced. Not loaded is no error.
  void unload(const std::string& name);

  /// @param version  "" = the newest. @param sha256  of the model that is meant, "" = any: of other versions, and of those that were replaced, the
  /// one that has it is preferred.
  /// @throws Refusal (kNotFound, kInvalidArgument; kUnavailable while the first version loads) in Triton's words.
  [[nodiscard]] std::shared_ptr<Model> find(const std::string& name, const std::string& version, const std::string& sha256 = "");
  [[nodiscard]] std::shared_ptr<Model> find(const std::string& name, const std::string& version) const;
  /// How many replaced versions are loaded.
  [[nodiscard]] size_t kept() const;
  /// The loaded versions of `name`, oldest first; of every model when it is "". Without those that were replaced.
  [[nodiscard]] std::vector<std::shared_ptr<Model>> loaded(const std::string& name = "") const;
  /// Those that were replaced and are still served.
  [[nodiscard]] std::vector<std::shared_ptr<Model>> replaced() const;
  /// Both.
  [[nodiscard]] std::vector<std::shared_ptr<Model>> all() const;
  [[nodiscard]] std::vector<IndexEntry> index() const;
  /// Whether every model that was to be loaded is ready, and what was replaced can still infer.
  [[nodiscard]] bool is_ready() const;

 private:
  struct Kept {
    std::shared_ptr<Model> model;
    double asked_us = 0;
  };
  struct Entry {
    std::map<int64_t, std::shared_ptr<Model>> versions;
    std::vector<Kept> kept;      // replaced, the latest asked for last
    std::vector<int64_t> named;  // the versions that were asked for last, by which the index tells of what is not loaded
    std::string state, reason;   // "" while never loaded
  };
  /// What has to end, outside the lock.
  using Ended = std::vector<std::shared_ptr<Model>>;
  void tell_dead_of_unloaded();
  [[nodiscard]] Ended keep(Entry& entry, const std::map<int64_t, std::shared_ptr<Model>>& old) const;
  [[nodiscard]] fs::path folder_of(const std::string& name, const MayKnow& may_know = everybody_may) const;
  struct OnDisk {
    std::vector<std::string> names;  // of models, sorted
    bool is_whole = true;            // every folder could be listed
  };
  [[nodiscard]] OnDisk look() const;
  [[nodiscard]] std::vector<fs::path> folders_on_disk() const;
  void unload_removed(const OnDisk& there, bool is_asked_for);
  std::map<std::string, std::string> tell_misnamed();
  /// False: it is ready, and as it was when it was loaded.
  [[nodiscard]] bool begin_loading(const std::string& name, const std::string& folder_state);

  std::vector<fs::path> paths_;
  ModelOptions options_;
  KeepOptions keep_;
  Clock& clock_;
  std::mutex loading_;                       // one load at a time
  std::mutex looking_;                       // guards seen_ and is_out_of_sight_
  std::map<std::string, std::string> seen_;  // states of the models' folders at the last look
  bool is_out_of_sight_ = false;             // it was told that not all could be listed
  mutable std::mutex mutex_;                 // guards what follows
  std::map<std::string, Entry> entries_;
  std::vector<std::weak_ptr<Model>> made_;            // all that have not ended
  std::map<std::string, std::string> loaded_states_;  // of the folders, when they were last loaded
  std::set<std::string> misnamed_;                    // that were told of
};

/// What a `prepare` that was ended left, or one that runs is writing (StagedFolder).
[[nodiscard]] bool is_unfinished(const std::string& name);

}  // namespace scissionlite::server
