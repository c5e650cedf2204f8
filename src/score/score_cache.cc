#include "score/score_cache.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite {
namespace {

Json line_json(const std::string& key, const Score& score) {
  Scores one;
  one.scores = {score};
  return {{"key", key}, {"score", to_json(one)}};
}

}  // namespace

ScoreCache::ScoreCache(fs::path path) : path_(std::move(path)) {
  if (path_.empty() || !fs::exists(path_)) return;
  for (const auto& line : split(read_file(path_), '\n')) {
    if (line.empty()) continue;
    try {
      const auto json = parse_json(line, path_.string());
      const JsonReader in(json, path_.string());
      const auto scores = scores_from_json(in.at("score").raw(), path_.string());
      if (scores.scores.size() == 1) entries_[in.at("key").text()] = scores.scores[0];
    } catch (const InvalidArgument&) {  // cut short by a kill, or of another version: measured again
    }
  }
}

std::optional<Score> ScoreCache::find(const std::string& key) const {
  const auto it = entries_.find(key);
  return it == entries_.end() ? std::nullopt : std::optional(it->second);
}

void ScoreCache::store(const std::string& key, const Score& score) {
  entries_[key] = score;
  if (path_.empty()) return;
  const auto text = "\n" + line_json(key, score).dump() + "\n";  // the first newline ends a line that a kill cut short
  FILE* file = std::fopen(path_.c_str(), "a");
  const bool ok = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file == nullptr || (std::fclose(file) != 0) || !ok)
    throw ResourceError("[score] cannot append to the cache '" + path_.string() + "': " + std::strerror(errno) +
                        "; free some space or give another -o");
}

}  // namespace scissionlite
