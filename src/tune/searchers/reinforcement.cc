// REINFORCE: a policy draws the implementation, then each of its knobs, by a softmax over the values; the faster what it drew, the
// more likely it becomes. Baseline: mean reward so far. Neighbouring values of a knob share what was learned: their logits are
// sums of overlapping bumps, of which the gradient is taken.
// Source: R. J. Williams, Machine Learning 8 (1992), 229-256, Sec. 5; differs in: rewards are scaled by their spread, since only ranks
// are known beforehand, and the best one found is told again after each measurement, which a policy of some hundred draws needs.
#include <algorithm>
#include <cmath>

#include "tune/searcher.h"

namespace scissionlite::tune {
namespace {

// Set on bench/tuning/other_layers.json, where half or twice of each changes the number of measurements by a tenth or two.
constexpr double kRate = 0.5;
constexpr double kEntropyBonus = 0.05;
constexpr double kBump = 0.5;  // share of a value's gradient that its neighbour gets
constexpr double kMostAdvantage = 2;
constexpr double kFailed = -1.5;    // advantage of a failure
constexpr double kImitation = 0.3;  // rate of the best found, told again
constexpr int kTries = 300;         // draws until one is new and valid

using Logits = std::vector<double>;

std::vector<double> softmax(const Logits& logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  double sum = 0;
  for (const double logit : logits) sum += p.emplace_back(std::exp(logit - most));
  for (double& v : p) v /= sum;
  return p;
}

/// Mean and spread of numbers as they come.
class Running {
 public:
  void add(double x) {
    ++n_;
    const double d = x - mean_;
    mean_ += d / n_;
    squares_ += d * (x - mean_);
  }
  [[nodiscard]] double mean() const { return mean_; }
  [[nodiscard]] double spread() const { return n_ > 1 ? std::sqrt(squares_ / (n_ - 1)) : 0; }

 private:
  double n_ = 0, mean_ = 0, squares_ = 0;
};

class ReinforcementSearcher final : public Searcher {
 public:
  ReinforcementSearcher(const Space& space, uint64_t seed) : space_(space), known_(space), rng_(seed) {
    for (const auto& dimension : space.dimensions()) policy_.emplace_back(dimension.values.size(), 0.0);
    for (size_t i = 0; i < policy_[0].size(); ++i) policy_[0][i] = first_logit(static_cast<int>(i));
  }

  [[nodiscard]] std::optional<Config> next() override {
    for (int i = 0; i < kTries; ++i)
      if (auto config = draw(); space_.is_valid(config) && known_.add(config)) return config;
    for (auto& config : space_.neighbours(best_.empty() ? space_.at(0) : best_))
      if (known_.add(config)) return config;
    return known_.draw(rng_);
  }

  void tell(const Config& config, const Outcome& outcome) override {
    known_.add(config);
    if (!outcome.is_ok()) return learn(config, kRate * kFailed);
    const double reward = -std::log(std::max(outcome.median_us, 1e-3));
    rewards_.add(reward);
    if (best_.empty() || reward > best_reward_) best_ = config, best_reward_ = reward;
    learn(config, kRate * advantage(reward));
    learn(best_, kImitation * advantage(best_reward_));
  }

 private:
  /// As likely as the implementation has configurations: before anything is known, each configuration counts the same.
  [[nodiscard]] double first_logit(int implementation) const {
    double logit = 0;
    for (const auto& dimension : space_.dimensions())
      if (dimension.of == implementation) logit += std::log(static_cast<double>(dimension.values.size()));
    return logit;
  }

  [[nodiscard]] double advantage(double reward) const {
    const double spread = rewards_.spread();
    return spread > 0 ? std::clamp((reward - rewards_.mean()) / spread, -kMostAdvantage, kMostAdvantage) : 0;
  }

  [[nodiscard]] Config draw() {
    Config config(policy_.size(), 0);
    for (size_t d = 0; d < policy_.size(); ++d)
      if (space_.counts(config, d)) config[d] = draw_of(softmax(policy_[d]));
    return config;
  }

  [[nodiscard]] int draw_of(const std::vector<double>& p) {
    double left = rng_.uniform();
    for (size_t i = 0; i < p.size(); ++i)
      if ((left -= p[i]) < 0) return static_cast<int>(i);
    return static_cast<int>(p.size()) - 1;
  }

  /// A step along the gradient of the log-probability of `config`, and of the entropy.
  void learn(const Config& config, double step) {
    for (size_t d = 0; d < policy_.size(); ++d) {
      if (!space_.counts(config, d)) continue;
      auto& logits = policy_[d];
      const auto p = softmax(logits);
      double entropy = 0;
      for (const double v : p) entropy -= v * std::log(v + 1e-12);
      std::vector<double> gradient(p.size());
      for (size_t i = 0; i < p.size(); ++i)
        gradient[i] = step * ((static_cast<int>(i) == config[d]) - p[i]) - kEntropyBonus * p[i] * (std::log(p[i] + 1e-12) + entropy);
      for (size_t i = 0; i < p.size(); ++i)
        for (size_t j = 0; j < p.size(); ++j) logits[i] += gradient[j] * share(d, i, j);
    }
  }

  [[nodiscard]] static double share(size_t d, size_t i, size_t j) {
    if (d == 0) return i == j;
    const auto distance = static_cast<double>(i > j ? i - j : j - i);
    return distance > 3 ? 0 : std::pow(kBump, distance);
  }

  const Space& space_;
  Known known_;
  Rng rng_;
  std::vector<Logits> policy_;  // a dimension each
  Running rewards_;
  Config best_;
  double best_reward_ = 0;
};

}  // namespace

std::unique_ptr<Searcher> make_reinforcement_searcher(const Space& space, uint64_t seed) {
  return std::make_unique<ReinforcementSearcher>(space, seed);
}

}  // namespace scissionlite::tune
