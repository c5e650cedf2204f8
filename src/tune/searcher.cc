#include "tune/searcher.h"

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::tune {

#define SCISSIONLITE_SEARCHER(name, summary) std::unique_ptr<Searcher> make_##name##_searcher(const Space& space, uint64_t seed);
#include "tune/searchers.inc"
#undef SCISSIONLITE_SEARCHER

const std::vector<SearcherRow>& searchers() {
  static const std::vector<SearcherRow> table{
#define SCISSIONLITE_SEARCHER(name, summary) {#name, summary, make_##name##_searcher},
#include "tune/searchers.inc"
#undef SCISSIONLITE_SEARCHER
  };
  return table;
}

std::unique_ptr<Searcher> make_searcher(const std::string& name, const Space& space, uint64_t seed) {
  std::vector<std::string> names;
  for (const auto& row : searchers()) {
    if (name == row.name) return row.make(space, seed);
    names.emplace_back(row.name);
  }
  throw InvalidArgument("[tune] unknown method '" + name + "'" + did_you_mean(name, names));
}

std::optional<Config> Known::draw(Rng& rng) {
  constexpr int kTries = 1024;  // a tenth or less of a space may be valid
  for (int i = 0; i < kTries; ++i) {
    auto config = space_.at(rng.below(space_.size()));
    if (space_.is_valid(config) && add(config)) return config;
  }
  const uint64_t size = space_.size(), start = rng.below(size);
  for (uint64_t i = 0; i < size; ++i) {
    auto config = space_.at((start + i) % size);
    if (space_.is_valid(config) && add(config)) return config;
  }
  return std::nullopt;
}

}  // namespace scissionlite::tune
