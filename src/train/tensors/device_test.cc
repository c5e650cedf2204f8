#include "train/tensors/device.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace scissionlite::train {
namespace {

std::string refusal(const std::string& name) {
  try {
    use_device(name);
  } catch (const InvalidArgument& e) { return e.what(); }
  return "";
}

TEST(Device, OtherNamesAreRefused) {
  for (const char* name : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:0000", "CPU"})
    EXPECT_NE(refusal(name).find("device '" + std::string(name) + "': expected cpu, cuda or cuda:N"), std::string::npos) << name;
  EXPECT_TRUE(compute_device().is_cpu());
}

TEST(Device, SaysWhyThereIsNone) {
  const auto said = refusal("cuda:999");  // more than any machine has
  EXPECT_NE(said.find("device 'cuda:999': this "), std::string::npos) << said;
  EXPECT_NE(said.find("leave --device out"), std::string::npos) << said;
  EXPECT_TRUE(compute_device().is_cpu());
}

TEST(Device, IntegersStay) {
  use_device("cpu");
  const auto values = torch::ones({2}), indices = torch::ones({2}, torch::kLong);
  EXPECT_EQ(on_device(values).device(), compute_device());
  EXPECT_TRUE(on_device(indices).is_same(indices));
}

}  // namespace
}  // namespace scissionlite::train
