#include "train/prune/way_to_budget.h"

#include <gtest/gtest.h>

#include "train/test_graphs.h"

namespace scissionlite::train {
namespace {

/// small_network's four channels, with gradients of their scales by hand, on the way to a share of its parameters.
class Way {
 public:
  Way(double share, int64_t multiple) : prunable_(small_network(), {}, {}), module_(small_network()), way_(prunable_, multiple), share_(share) {
    module_.train({});
    for (const auto& [name, tensor] : module_.trained()) tensor.mutable_grad() = torch::zeros_like(tensor);
  }

  /// A step with these gradients beside scales that are one, and a check after it. @return channels that leave.
  std::vector<size_t> follow(const std::vector<float>& gradients, int64_t step, int64_t total) {
    auto trained = module_.trained();
    for (size_t i = 0; i < gradients.size(); ++i) {
      trained.at("bn.scale").data_ptr<float>()[i] = 1;
      trained.at("bn.scale").mutable_grad().data_ptr<float>()[i] = gradients[i];
    }
    way_.note(module_, {});
    const auto whole = static_cast<double>(prunable_.whole().parameters);
    const auto met = [&](const compress::NetworkSize& left, const std::set<int>&) {
      return std::clamp((whole - static_cast<double>(left.parameters)) / (whole * (1 - share_)), 0.0, 1.0);
    };
    way_.follow(met, {1, 0}, module_, {}, {.rate = 0.1, .number = step, .total = total, .per_epoch = 8});
    std::vector<size_t> out;
    for (size_t i = 0; i < gradients.size(); ++i)
      if (way_.is_leaving(i)) out.push_back(i);
    return out;
  }
  void hold(size_t group) { way_.hold({prunable_.groups()[group].one}); }
  WayToBudget& way() { return way_; }

 private:
  Prunable prunable_;
  Module module_;
  WayToBudget way_;
  double share_;
};

using Channels = std::vector<size_t>;

TEST(WayToBudget, WhatTheLossMissesLeastLeaves) {
  Way way(0.6, 1);
  EXPECT_EQ(way.follow({0.3F, -0.1F, 0.9F, 0.2F}, 9, 10), (Channels{1, 3}));
  EXPECT_TRUE(way.way().may_be_next(1));
  EXPECT_FALSE(way.way().may_be_next(2));
}

TEST(WayToBudget, TheWayIsEven) {
  Way way(0.3, 1);
  const std::vector<float> gradients{0.3F, -0.1F, 0.9F, 0.2F};
  EXPECT_EQ(way.follow(gradients, 1, 20).size(), 1U);
  EXPECT_EQ(way.follow(gradients, 9, 20).size(), 2U);
  EXPECT_EQ(way.follow(gradients, 15, 20).size(), 3U);
}

TEST(WayToBudget, WhatIsAwayCounts) {
  Way way(0.6, 1);
  way.hold(2);
  EXPECT_EQ(way.follow({0.3F, -0.1F, 0.9F, 0.2F}, 9, 10), (Channels{1}));
}

TEST(WayToBudget, WidthsStayMultiples) {
  Way way(0.6, 2);
  EXPECT_EQ(way.follow({0.1F, 0.5F, 0.9F, 0.2F}, 1, 100), (Channels{0, 3}));
}

TEST(WayToBudget, OfEachLayerOneStays) {
  Way way(0.001, 1);
  EXPECT_EQ(way.follow({0.3F, -0.1F, 0.9F, 0.2F}, 9, 10), (Channels{0, 1, 3}));
  EXPECT_TRUE(way.way().may_be_next(0));
}

TEST(WayToBudget, OldGradientsFade) {
  Way way(0.8, 1);
  EXPECT_EQ(way.follow({0.3F, 0.1F, 0.9F, 0.4F}, 9, 10), (Channels{1}));
  for (int i = 0; i < 300; ++i) way.follow({0.3F, 0.6F, 0.9F, 0.1F}, 9, 10);
  EXPECT_EQ(way.follow({0.3F, 0.6F, 0.9F, 0.1F}, 9, 10), (Channels{3}));
}

TEST(WayToBudget, NothingLeavesAtTheEnd) {
  Way way(0.6, 1);
  way.follow({0.3F, -0.1F, 0.9F, 0.2F}, 9, 10);
  way.way().end();
  EXPECT_TRUE(way.way().is_at_end());
  for (size_t i = 0; i < 4; ++i) EXPECT_FALSE(way.way().is_leaving(i) || way.way().may_be_next(i));
}

TEST(WayToBudget, WhatLeavesIsGoneAtTheNextCheck) {
  double left = 1;
  const int64_t per_epoch = 40, checks = WayToBudget::steps_between_checks({.per_epoch = per_epoch});
  for (int64_t step = checks + 1; step <= 2 * checks; ++step)
    left *= WayToBudget::left_of_leaving({.number = step, .total = 100, .per_epoch = per_epoch});
  EXPECT_EQ(left, 0);
}

}  // namespace
}  // namespace scissionlite::train
