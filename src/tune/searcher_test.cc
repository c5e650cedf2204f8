#include "tune/searcher.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <set>

#include "base/stats.h"
#include "base/test_messages.h"

namespace scissionlite::tune {
namespace {

std::vector<int64_t> up_to(int64_t count) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(i);
  return out;
}

Space random_space() {
  const auto small = [](int64_t low) { return *rc::gen::inRange<int64_t>(low, 5); };
  std::vector<Dimension> dimensions{{"implementation", up_to(small(1)), -1}};
  const auto more = *rc::gen::inRange<size_t>(0, 5);
  for (size_t i = 0; i < more; ++i)
    dimensions.push_back({"knob" + std::to_string(i), up_to(small(1)), *rc::gen::inRange<int>(-1, static_cast<int>(dimensions[0].values.size()))});
  const auto odd = *rc::gen::inRange(1, 6);
  return Space(dimensions, [odd](const Config& config) {
    int sum = 0;
    for (const int v : config) sum = 3 * sum + v;
    return odd == 1 || sum % odd != 1;
  });
}

TEST(Spaces, IndexAndConfigurationAreInverse) {
  EXPECT_TRUE(rc::check("for every index", [] {
    const auto space = random_space();
    std::set<Config> all;
    for (uint64_t i = 0; i < space.size(); ++i) {
      const auto config = space.at(i);
      RC_ASSERT(space.index(config) == i);
      RC_ASSERT(space.settled(config) == config);
      all.insert(config);
    }
    RC_ASSERT(all.size() == space.size());
  }));
}

TEST(Spaces, NeighboursAreValidAndOthers) {
  EXPECT_TRUE(rc::check("of a random configuration", [] {
    const auto space = random_space();
    Rng rng(*rc::gen::arbitrary<uint32_t>());
    const auto config = space.random(rng);
    RC_ASSERT(config.has_value() == (space.count_valid() > 0));
    RC_PRE(config.has_value());
    RC_ASSERT(space.is_valid(*config));
    for (const auto& other : space.neighbours(*config)) RC_ASSERT(space.is_valid(other) && other != *config);
  }));
}

TEST(Spaces, RefuseDimensionsWithoutValues) {
  EXPECT_NE(message_of([] { (void)Space({{"implementation", {}, -1}}); }).find("'implementation' has no values"), std::string::npos);
}

/// A bowl for each implementation, with knobs that depend on each other, ripples, and some that fail.
class Landscape {
 public:
  explicit Landscape(uint64_t seed)
      : space_({{"implementation", up_to(3), -1},
                {"a.m", up_to(3), 0},
                {"a.vectors", up_to(4), 0},
                {"a.tiles", up_to(16), 0},
                {"a.order", up_to(6), 0},
                {"b.vectors", up_to(4), 1},
                {"b.chunk", up_to(16), 1},
                {"b.order", up_to(4), 1},
                {"c.rows", up_to(16), 2}}) {
    Rng rng(seed);
    for (int i = 0; i < 3; ++i) floor_.push_back(rng.uniform(50, 100));
    for (const auto& dimension : space_.dimensions()) {
      best_.push_back(static_cast<int>(rng.below(dimension.values.size())));
      weight_.push_back(rng.uniform(0.3, 1.5));
    }
    for (uint64_t i = 0; i < space_.size(); ++i) least_ = std::min(least_, us(space_.at(i)));
  }

  [[nodiscard]] double us(const Config& config) const {
    double cost = 0, before = 0;
    for (size_t d = 1; d < config.size(); ++d) {
      if (!space_.counts(config, d)) continue;
      const double off = (config[d] - best_[d]) / static_cast<double>(space_.dimensions()[d].values.size());
      cost += weight_[d] * off * off + 0.3 * off * before + 0.01 * (config[d] % 3);
      before = off;
    }
    return floor_[static_cast<size_t>(config[0])] * (1 + std::max(0.0, cost));
  }
  [[nodiscard]] Outcome outcome(const Config& config) const {
    return (space_.index(config) * 2654435761U >> 8) % 17 == 0 && us(config) > 1.1 * least_ ? Outcome{0, "crash"} : Outcome{us(config), ""};
  }

  /// Measurements until within 5 % of the best.
  [[nodiscard]] double needed(const std::string& method, uint64_t seed) const {
    const auto searcher = make_searcher(method, space_, seed);
    for (int n = 1;; ++n) {
      const auto config = searcher->next();
      if (!config) return n;
      const auto found = outcome(*config);
      if (found.is_ok() && found.median_us * 0.95 <= least_) return n;
      searcher->tell(*config, found);
    }
  }

 private:
  Space space_;
  std::vector<double> floor_, weight_;
  Config best_;
  double least_ = 1e30;
};

double median_needed(const std::string& method) {
  std::vector<double> needed;
  for (uint64_t landscape = 100; landscape < 105; ++landscape) {
    std::vector<double> of_seeds;
    for (uint64_t seed = 1; seed <= 20; ++seed) of_seeds.push_back(Landscape(landscape).needed(method, seed));
    needed.push_back(median(of_seeds));
  }
  return mean(needed);
}

class EverySearcher : public testing::TestWithParam<std::string> {};

TEST_P(EverySearcher, NeitherRepeatsNorGivesInvalidOnesAndEndsWithAllGiven) {
  EXPECT_TRUE(rc::check("random spaces and outcomes", [&] {
    const auto space = random_space();
    Rng rng(*rc::gen::arbitrary<uint32_t>());
    const auto searcher = make_searcher(GetParam(), space, rng.next());
    std::set<Config> given;
    if (const auto known = space.random(rng); known && rng.below(2)) {
      searcher->tell(*known, {10, ""});
      given.insert(*known);
    }
    while (const auto config = searcher->next()) {
      RC_ASSERT(space.is_valid(*config));
      RC_ASSERT(given.insert(*config).second);
      searcher->tell(*config, rng.below(4) ? Outcome{rng.uniform(1, 100), ""} : Outcome{0, "crash"});
    }
    RC_ASSERT(given.size() == space.count_valid());
  }));
}

/// A twelfth of the points is valid, as in spaces of convolutions.
TEST(Searchers, AtRandomNeedAsMuchAsChanceWithoutReplacementSays) {
  const Space space({{"implementation", {0}, -1}, {"a", up_to(60), 0}, {"b", up_to(60), 0}},
                    [](const Config& config) { return (config[1] * 60 + config[2]) % 12 == 5; });
  constexpr int kValid = 300, kGood = 5, kSeeds = 2000;
  double sum = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto searcher = make_searcher("random", space, seed);
    for (auto config = searcher->next(); config; config = searcher->next()) {
      ++sum;
      if (((*config)[1] * 60 + (*config)[2]) % (12 * kValid / kGood) == 5) break;
    }
  }
  EXPECT_NEAR(sum / kSeeds, (kValid + 1.0) / (kGood + 1.0), 4);  // four standard errors
}

TEST_P(EverySearcher, GoesTheSameWayWithTheSameSeed) {
  const Landscape landscape(7);
  EXPECT_EQ(landscape.needed(GetParam(), 5), landscape.needed(GetParam(), 5));
}

TEST_P(EverySearcher, ThatLearnsNeedsHalfOfWhatRandomNeeds) {
  if (GetParam() == "random") GTEST_SKIP() << "the control";
  EXPECT_LT(median_needed(GetParam()), 0.5 * median_needed("random"));
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& row : searchers()) out.emplace_back(row.name);
  return out;
}
INSTANTIATE_TEST_SUITE_P(Table, EverySearcher, testing::ValuesIn(names()), [](const auto& info) { return info.param; });

TEST(Searchers, UnknownNamesAreSaid) {
  const Space space({{"implementation", {0}, -1}});
  EXPECT_NE(message_of([&] { (void)make_searcher("genetik", space, 1); }).find("did you mean 'genetic'?"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::tune
