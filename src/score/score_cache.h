// Results kept while scoring, so that a run that was killed goes on where it stopped.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "score/scores.h"

namespace scissionlite {

/// A file of one JSON object a line, appended and flushed result by result. A last line cut short is ignored. An entry is
/// found again only under the same key, which hashes everything that the result depends on.
class ScoreCache {
 public:
  /// Reads what is there. An empty path keeps nothing.
  explicit ScoreCache(fs::path path);
  [[nodiscard]] std::optional<Score> find(const std::string& key) const;
  /// @throws ResourceError when the file cannot be written.
  void store(const std::string& key, const Score& score);

 private:
  fs::path path_;
  std::map<std::string, Score> entries_;
};

}  // namespace scissionlite
