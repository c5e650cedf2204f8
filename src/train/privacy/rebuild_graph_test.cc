// The rebuilding network has the picture's size whatever is received, and begins with nothing.
#include "train/privacy/rebuild_graph.h"

#include <gtest/gtest.h>

#include "train/network/module.h"
#include "train/tensors/convert.h"
#include "train/test_graphs.h"

namespace scissionlite::train {
namespace {

TEST(RebuildGraph, GivesAPictureFromAnyShape) {
  struct Case {
    Shape received;
    int height, width;
  };
  for (const auto& [received, height, width] :
       {Case{{2, 8, 12, 12}, 24, 24}, Case{{2, 3, 40, 40}, 20, 20}, Case{{2, 5, 13, 13}, 64, 64}, Case{{2, 70, 1, 1}, 32, 24},
        Case{{2, 3, 7, 5}, 64, 40}, Case{{2, 4, 1, 6}, 16, 48}, Case{{2, 6, 30, 7}, 20, 56}, Case{{2, 4, 17, 17}, 17, 17}}) {
    Module network(rebuild_graph(received, height, width, 1));
    network.train({});
    const auto picture = network.forward({to_torch(random_tensor(received, 3), torch::kFloat)})[0];
    EXPECT_EQ(picture.sizes().vec(), (std::vector<int64_t>{2, 3, height, width})) << to_string(received);
    EXPECT_EQ(picture.abs().max().item<float>(), 0) << to_string(received);
    picture.sum().backward();
    EXPECT_TRUE(network.trained().begin()->second.grad().defined());
  }
}

TEST(RebuildGraph, FollowsItsSeed) {
  const auto weights = [](uint64_t seed) { return rebuild_graph({1, 8, 4, 4}, 16, 16, seed).initializers.at("conv0.w"); };
  EXPECT_TRUE(bit_equal(weights(1), weights(1)));
  EXPECT_FALSE(bit_equal(weights(1), weights(2)));
}

}  // namespace
}  // namespace scissionlite::train
