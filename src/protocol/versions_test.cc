// Ends of different age: which version both speak, and what is said where there is none.
#include "protocol/versions.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"

namespace scissionlite::protocol {
namespace {

TEST(Versions, fault_46_NewestThatBothSpeak) {
  EXPECT_EQ(common_version({1, 1}, {1, 1}), 1);
  EXPECT_EQ(common_version({1, 3}, {2, 5}), 3);
  EXPECT_EQ(common_version({2, 5}, {1, 2}), 2);
  EXPECT_EQ(common_version({3, 4}, {1, 2}), std::nullopt);
  EXPECT_EQ(common_version({1, 2}, {3, 3}), std::nullopt);
}

TEST(Versions, fault_46_RefusalNamesBothRangesAndWhoIsToBeUpdated) {
  EXPECT_EQ(disagreement({1, 3}, {3, 4}), "");
  EXPECT_EQ(disagreement({3, 4}, {1, 2}),
            "the edge speaks versions 3 to 4 of ScissionLite's protocol, the device versions 1 to 2: update the device");
  EXPECT_EQ(disagreement({1, 1}, {2, 3}), "the edge speaks version 1 of ScissionLite's protocol, the device versions 2 to 3: update the edge");
}

TEST(Versions, fault_46_ThisBuildSpeaksWithItselfAndWithEndsThatSayNothing) {
  EXPECT_TRUE(common_version(kVersions, kVersions));
  EXPECT_TRUE(common_version(kVersions, kUntoldVersions)) << "once this fails, silent ends are refused: is that meant?";
}

TEST(Versions, AreReadAsTheyAreWritten) {
  for (const Versions versions : {kVersions, Versions{2, 17}}) EXPECT_EQ(versions_from(to_text(versions)), versions);
  for (const char* text : {"", "-", "1", "1-", "-1", "0-1", "2-1", "1-2-3", "1-x", "1 - 2", "+1-2", "1--2", "99999999999-99999999999"})
    EXPECT_THROW((void)versions_from(text), InvalidArgument) << text;
}

TEST(Versions, fault_46_OfAServerByItsMetadata) {
  const std::vector<std::string> some{"classification", "new_and_unknown"}, told{"classification", "scissionlite_protocol:2-3"},
      damaged{"scissionlite_protocol:x"};
  EXPECT_EQ(versions_of_server("scissionlite", told), (Versions{2, 3}));
  EXPECT_EQ(versions_of_server("scissionlite", some), kUntoldVersions) << "from before ranges were told";
  EXPECT_EQ(versions_of_server("triton", some), std::nullopt);
  EXPECT_THROW((void)versions_of_server("scissionlite", damaged), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::protocol
