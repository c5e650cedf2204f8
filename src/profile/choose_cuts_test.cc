#include "profile/choose_cuts.h"

#include <gtest/gtest.h>

namespace scissionlite {
namespace {

TEST(ImageBytes, OfTheScoredImagesTakeThePlaceOfMadeUpOnes) {
  Profile profile;
  profile.image_bytes = {{"file", 629}, {"png", 5000}, {"raw", 3072}};
  Scores scores;
  scores.scores.resize(2);
  scores.scores[0].candidate = "edge/file", scores.scores[0].bytes_mean = 29452.4;
  scores.scores[1].candidate = "edge/webp-q80", scores.scores[1].bytes_mean = 800;
  take_image_bytes(profile, scores);
  EXPECT_EQ(profile.image_bytes, (std::map<std::string, int64_t>{{"file", 29452}, {"png", 5000}, {"raw", 3072}}))
      << "only what was timed is a candidate";
}

}  // namespace
}  // namespace scissionlite
