// Searchers: which configuration to try next, given what the tried ones took. A row of searchers.inc each.
#pragma once

#include <memory>
#include <unordered_set>

#include "tune/space.h"

namespace scissionlite::tune {

/// What came of trying a configuration.
struct Outcome {
  double median_us = 0;
  std::string failure;  // why there is no time: it was wrong, crashed, hung
  [[nodiscard]] bool is_ok() const { return failure.empty(); }
};

/// Deterministic given its seed and what it is told. Never gives a configuration that was given or told before.
class Searcher {
 public:
  virtual ~Searcher() = default;
  /// A valid configuration; nothing when all were given.
  [[nodiscard]] virtual std::optional<Config> next() = 0;
  /// Also of configurations that were not asked for: the usual one, those of an earlier search.
  virtual void tell(const Config& config, const Outcome& outcome) = 0;
};

struct SearcherRow {
  const char* name;
  const char* summary;
  std::unique_ptr<Searcher> (*make)(const Space& space, uint64_t seed);
};
[[nodiscard]] const std::vector<SearcherRow>& searchers();
/// `space` is referred to. @throws InvalidArgument naming the known ones.
[[nodiscard]] std::unique_ptr<Searcher> make_searcher(const std::string& name, const Space& space, uint64_t seed);

/// Which configurations of a space are no news.
class Known {
 public:
  explicit Known(const Space& space) : space_(space) {}
  /// False when it was there already.
  bool add(const Config& config) { return known_.insert(space_.index(config)).second; }
  [[nodiscard]] bool has(const Config& config) const { return known_.count(space_.index(config)) > 0; }
  /// Valid and new, each with the same chance unless few are left; it is added.
  [[nodiscard]] std::optional<Config> draw(Rng& rng);

 private:
  const Space& space_;
  std::unordered_set<uint64_t> known_;
};

}  // namespace scissionlite::tune
