// The models that are served: folders on disk, loaded versions in memory.
//
// A repository is a folder of model folders: <model>/config.pbtxt (optional), <model>/<version>/model.onnx. Requests only
// look up names among the loaded models; the file system is touched by loading alone, and only for names that are safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/model.h"

namespace scissionlite::server {

struct IndexEntry {
  // The reason of a READY model says why its last reload failed.
  std::string name, version, state, reason;  // state "READY", "UNAVAILABLE", "LOADING"; "" = never loaded
};

/// Safe to use from several threads; loading one model does not hold up requests to others.
class Repository {
 public:
  /// @throws InvalidArgument when a path is no folder, or two hold a model of the same name.
  Repository(std::vector<fs::path> paths, ModelOptions options);

  /// Loads or reloads the versions that the model's policy asks for. While the new ones load, the old ones serve on; after
  /// the swap, requests in flight end on the old. @throws InvalidArgument for an unknown name, and what Model::load throws.
  void load(const std::string& name);
  /// Loads every model; one that fails is logged and shows in the index. Returns the reasons of the failures, by name.
  std::map<std::string, std::string> load_all();
  /// Not loaded is no error.
  void unload(const std::string& name);

  /// @param version  "" = the newest. @throws Refusal (kNotFound, kInvalidArgument) in Triton's words.
  [[nodiscard]] std::shared_ptr<Model> find(const std::string& name, const std::string& version) const;
  /// The loaded versions of `name`, oldest first; of every model when it is "".
  [[nodiscard]] std::vector<std::shared_ptr<Model>> loaded(const std::string& name = "") const;
  [[nodiscard]] std::vector<IndexEntry> index() const;
  /// Whether every model that was to be loaded is ready.
  [[nodiscard]] bool is_ready() const;

 private:
  struct Entry {
    std::map<int64_t, std::shared_ptr<Model>> versions;
    std::string state, reason;  // "" while never loaded
  };
  [[nodiscard]] fs::path folder_of(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> names_on_disk() const;
  void set_state(const std::string& name, const std::string& state, const std::string& reason);

  std::vector<fs::path> paths_;
  ModelOptions options_;
  std::mutex loading_;        // one load at a time
  mutable std::mutex mutex_;  // guards entries_
  std::map<std::string, Entry> entries_;
};

}  // namespace scissionlite::server
