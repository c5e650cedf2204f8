#include "base/counted.h"

#include <gtest/gtest.h>

namespace scissionlite {
namespace {

TEST(Counted, OneHasNoS) {
  EXPECT_EQ(counted(0, "image"), "0 images");
  EXPECT_EQ(counted(1, "image"), "1 image");
  EXPECT_EQ(counted(2, "image"), "2 images");
}

}  // namespace
}  // namespace scissionlite
