// A genetic algorithm in the steady state: each measurement may enter the population, which is the best found so far (so the elite
// never dies). Source of the idea: Woodpecker-DL, arXiv 2008.04567, Sec. 4; differs in: no generations, since a search has some dozens
// to some hundred measurements, and a whole generation of children of poor parents is a large part of it.
#include <algorithm>

#include "tune/searcher.h"

namespace scissionlite::tune {
namespace {

// Set on bench/tuning/other_layers.json, where half or twice of each changes the number of measurements by some percent only.
constexpr size_t kFirst = 8;  // at random before breeding begins
constexpr size_t kPopulation = 8;
constexpr int kTournament = 3;
constexpr double kCrossover = 0.7;    // of children; the others have one parent
constexpr double kMutations = 1;      // dimensions of a child, on average
constexpr double kFarMutation = 0.2;  // of mutations: to any value instead of the next one
constexpr double kCategoryMutation = 0.05;
constexpr int kTries = 300;  // children until one is new and valid

class GeneticSearcher final : public Searcher {
 public:
  GeneticSearcher(const Space& space, uint64_t seed) : space_(space), known_(space), rng_(seed) {}

  [[nodiscard]] std::optional<Config> next() override {
    if (told_ >= kFirst && !population_.empty())
      for (int i = 0; i < kTries; ++i)
        if (auto child = mutated(bred()); space_.is_valid(child) && known_.add(child)) return child;
    return known_.draw(rng_);
  }

  void tell(const Config& config, const Outcome& outcome) override {
    known_.add(config);
    ++told_;
    if (!outcome.is_ok()) return;
    const auto behind = [](const Individual& a, const Individual& b) { return a.us < b.us; };
    const Individual individual{config, outcome.median_us};
    population_.insert(std::upper_bound(population_.begin(), population_.end(), individual, behind), individual);
    if (population_.size() > kPopulation) population_.pop_back();
  }

 private:
  struct Individual {
    Config config;
    double us = 0;
  };

  [[nodiscard]] const Config& parent() {
    size_t best = population_.size();
    for (int i = 0; i < kTournament; ++i) best = std::min<size_t>(best, rng_.below(population_.size()));
    return population_[best].config;
  }

  [[nodiscard]] Config bred() {
    const Config& a = parent();
    return rng_.uniform() < kCrossover ? crossed(a, parent()) : a;
  }

  /// Each dimension from either; one that has a meaning in one of them only, from that one.
  [[nodiscard]] Config crossed(const Config& a, const Config& b) {
    Config child = a;
    for (size_t d = 0; d < child.size(); ++d) {
      const bool in_a = space_.counts(a, d), in_b = space_.counts(b, d);
      if (in_b && (!in_a || rng_.below(2))) child[d] = b[d];
    }
    return space_.settled(std::move(child));
  }

  [[nodiscard]] Config mutated(Config config) {
    if (rng_.uniform() < kCategoryMutation) {
      config[0] = any_of(0);
      for (size_t d = 1; d < config.size(); ++d)
        if (space_.dimensions()[d].of == config[0]) config[d] = any_of(d);
      return space_.settled(std::move(config));
    }
    std::vector<size_t> open;
    for (size_t d = 1; d < config.size(); ++d)
      if (space_.counts(config, d) && space_.dimensions()[d].values.size() > 1) open.push_back(d);
    const double rate = open.empty() ? 0 : kMutations / static_cast<double>(open.size());
    for (const auto d : open)
      if (rng_.uniform() < rate) config[d] = rng_.uniform() < kFarMutation ? any_of(d) : config[d] + (rng_.below(2) ? 1 : -1);
    return config;
  }

  [[nodiscard]] int any_of(size_t d) { return static_cast<int>(rng_.below(space_.dimensions()[d].values.size())); }

  const Space& space_;
  Known known_;
  Rng rng_;
  std::vector<Individual> population_;  // fastest first
  size_t told_ = 0;
};

}  // namespace

std::unique_ptr<Searcher> make_genetic_searcher(const Space& space, uint64_t seed) { return std::make_unique<GeneticSearcher>(space, seed); }

}  // namespace scissionlite::tune
