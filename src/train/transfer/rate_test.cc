#include "train/transfer/rate.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "train/tensors/convert.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kChannels = 6, kRows = 4, kColumns = 5;
constexpr uint8_t kZero = 20;

Tensor random_codes(uint64_t seed) {
  Tensor code(Dtype::kU8, {1, kChannels, kRows, kColumns});
  Rng rng(seed);
  for (auto& value : code.mutable_as<uint8_t>()) value = static_cast<uint8_t>(std::clamp<int64_t>(kZero + std::lround(2 * rng.normal()), 0, 40));
  return code;
}

coding::CodeModel fitted() {
  std::vector<Tensor> codes;
  for (uint64_t i = 0; i < 20; ++i) codes.push_back(random_codes(i));
  return coding::CodeModel::fit(codes, {.zeros = std::vector<uint8_t>(kChannels, kZero), .levels = std::vector<int>(kChannels, 41)});
}

TEST(Rate, IsWhatTheCoderCharges) {
  const auto model = fitted();
  const auto a = random_codes(100), b = random_codes(101);
  const auto codes = torch::cat({to_torch(a, torch::kFloat), to_torch(b, torch::kFloat)}).to(torch::kFloat);
  const double expected = model.bits(a.as<uint8_t>()) + model.bits(b.as<uint8_t>());
  EXPECT_NEAR(bits_of(codes, model).item<double>(), expected, 1e-3 * expected);
}

TEST(Rate, GradientIsTheCostOfAStepAwayFromZero) {
  const auto model = fitted();
  const auto code = random_codes(102);
  const auto codes = to_torch(code, torch::kFloat).to(torch::kFloat).requires_grad_(true);
  bits_of(codes, model).backward();
  std::vector<float> as_is(static_cast<size_t>(code.size())), nearer(as_is.size());
  model.step_bits(code.as<uint8_t>(), as_is, nearer);
  const auto gradient = codes.grad().flatten();
  for (int64_t i = 0; i < code.size(); ++i) {
    const auto s = static_cast<size_t>(i);
    const int sign = (code.as<uint8_t>()[s] > kZero) - (code.as<uint8_t>()[s] < kZero);
    EXPECT_NEAR(gradient[i].item<float>(), static_cast<float>(sign) * (as_is[s] - nearer[s]), 1e-4);
  }
}

TEST(Price, RisesWhileTheCostIsTooHigh) {
  Price price(0.5);
  price.pay(1);
  EXPECT_DOUBLE_EQ(price.now(), 0.5);
  price.pay(1.2);
  EXPECT_GT(price.now(), 0.5);
  for (int i = 0; i < 3; ++i) price.pay(0.8);
  EXPECT_LT(price.now(), 0.5);
}

}  // namespace
}  // namespace scissionlite::train
