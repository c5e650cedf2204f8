// Which of the served models join, and where.
//
// Of models that were cut from one (their manifests name it), the ending is taken that saves most: multiply-accumulates behind it, times the models
// that have it beyond the first. A model's second part is compiled when the first of them loads, and ends with the last.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "server/models/endings.h"
#include "server/models/joint.h"

namespace scissionlite::server {

class Joints {
 public:
  /// Reads those of the model folders that belong together and that it has not seen as they are now. What cannot be read is left out: loading it says
  /// why.
  void look(const std::vector<fs::path>& folders);

  struct Part {
    Graph first;
    std::shared_ptr<Joint> joint;
  };
  /// Of a model about to be compiled; nothing where it joins with no other. @param uncut_sha256  of the model that it was cut from.
  [[nodiscard]] std::optional<Part> part(const Graph& graph, const std::string& uncut_sha256, const BatchingOptions& batching,
                                         const std::string& engine, int threads);

 private:
  struct Seen {
    std::string state, uncut_sha256;             // of the folder
    std::optional<std::vector<Ending>> endings;  // read when another model belongs to it
  };
  std::mutex mutex_;  // guards what follows
  std::map<fs::path, Seen> seen_;
  std::map<std::string, std::string> chosen_;           // uncut model -> hash of the ending
  std::map<std::string, std::weak_ptr<Joint>> joints_;  // by hash and batching
};

/// The hash of the ending that saves most; nothing where no two models share one. @param endings  of each model.
[[nodiscard]] std::optional<std::string> best_joint(const std::vector<std::vector<Ending>>& endings);

}  // namespace scissionlite::server
