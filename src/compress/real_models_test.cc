// Channels of trained models, against what their architectures say.
#include <gtest/gtest.h>

#include <cstdlib>

#include "compress/remove_channels.h"
#include "onnx/onnx.h"
#include "optimise/test_graphs.h"

namespace scissionlite::compress {
namespace {

struct Case {
  const char* model;
  size_t removable;  // classes
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.model; }

class RealModels : public testing::TestWithParam<Case> {};

TEST_P(RealModels, HaveTheClassesThatTheirArchitectureSays) {
  const char* data = std::getenv("SCISSIONLITE_TEST_DATA");
  if (!data || !*data) GTEST_SKIP() << "SCISSIONLITE_TEST_DATA names no folder of real models";
  const Channels channels(load_model(fs::path(data) / "models" / GetParam().model));
  size_t removable = 0;
  std::map<std::string, int> reasons;
  for (const auto& one : channels.classes()) {
    removable += one.fixed.empty();
    if (!one.fixed.empty()) ++reasons[one.fixed];
  }
  std::string why;
  for (const auto& [reason, count] : reasons) why += "\n  " + std::to_string(count) + ": " + reason;
  EXPECT_EQ(removable, GetParam().removable) << why;
}

// Channels by hand: of a residual net the width of each stage once, and what lies inside of blocks; of a fire module all three; of a
// depthwise convolution none of its own.
INSTANTIATE_TEST_SUITE_P(
    Models, RealModels,
    testing::Values(Case{"resnet8_cifar10.onnx", 2 * (16 + 32 + 64)}, Case{"resnet20_cifar10.onnx", 4 * (16 + 32 + 64)},
                    Case{"resnet56_cifar10.onnx", 10 * (16 + 32 + 64)}, Case{"squeezenet1.1.onnx", 64 + 9 * (2 * 16 + 2 * 32 + 2 * 48 + 2 * 64)},
                    Case{"pcb_aoi_squeezenet.onnx", 64 + 9 * (2 * 16 + 2 * 32 + 2 * 48 + 2 * 64)},
                    Case{"mobilenetv1_1.0.onnx", 32 + 64 + 2 * 128 + 2 * 256 + 6 * 512 + 2 * 1024},
                    Case{"mobilenetv2_1.0.onnx",
                         32 + 16 + 24 + 32 + 64 + 96 + 160 + 320 + 1280 + 6 * (16 + 2 * 24 + 3 * 32 + 4 * 64 + 3 * 96 + 3 * 160)},
                    Case{"resnet50_pruned_q8w.onnx", 64 + 256 + 512 + 1024 + 2048 + 2 * (3 * 64 + 4 * 128 + 6 * 256 + 3 * 512)}));

}  // namespace
}  // namespace scissionlite::compress
