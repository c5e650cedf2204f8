#include "planner/one_cut_list.h"

#include <gtest/gtest.h>

#include "planner/made_profiles.h"

namespace scissionlite::planner {
namespace {

TEST(OneCutList, AServersProfileTakesThatOfTheDevice) {
  const auto device = made_profile("device", 100);
  auto edge = made_profile("edge", 10);
  edge.via = "edge-1:8001";
  edge.cuts = {edge.cuts[1], made_cut(7, 1, 1)};
  edge.cuts[0].region = 0, edge.cuts[0].position = 0;  // counted over what is served
  edge.cuts[0].tls["uint8"].tail_with_tl = us(42);
  EXPECT_THROW((CostModel({device, edge}, {made_link()})), InvalidArgument);
  const auto machines = with_one_cut_list({device, edge});
  ASSERT_EQ(machines[1].cuts.size(), 2u);
  EXPECT_TRUE(machines[1].cuts[0].tls.empty()) << "not served";
  EXPECT_EQ(machines[1].cuts[1].region, device.cuts[1].region);
  EXPECT_EQ(machines[1].cuts[1].tls.at("uint8").tail_with_tl.median_us, 42);
  const CostModel model(machines, {made_link()});
  const auto choice = model.choice_of("split/1/uint8");
  EXPECT_EQ(model.slice(1, choice.first, CostModel::kNone).total_us(), 42);
}

TEST(OneCutList, ProfilesOfMachinesAreLeftAlone) {
  auto other = made_profile("edge", 10);
  other.cuts.pop_back();
  EXPECT_EQ(with_one_cut_list({made_profile("device", 100), other})[1].cuts.size(), 1u);
}

}  // namespace
}  // namespace scissionlite::planner
