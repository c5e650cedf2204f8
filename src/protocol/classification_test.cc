// The k best classes: against a plain sort, and back from their text.
#include "protocol/classification.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/rng.h"
#include "protocol/wire_internal.h"

namespace scissionlite::protocol {
namespace {

std::vector<std::string_view> elements_of(const ClassList& list) {
  std::string error;
  const auto bytes = list.raw.bytes();
  auto out = split_strings({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, error);
  EXPECT_EQ(error, "");
  return out;
}

TEST(Classification, GivesTheBestOfEachItemAndComesBack) {
  Rng rng(3);
  std::vector<float> values(2 * 50);
  for (auto& value : values) value = static_cast<float>(rng.uniform(-9, 9));
  const auto list = best_of_each(Tensor::of<float>({2, 50}, std::span<const float>(values)), 7, true);
  EXPECT_EQ(list.shape, (Shape{2, 7}));
  const auto elements = elements_of(list);
  ASSERT_EQ(elements.size(), 14u);
  for (size_t item = 0; item < 2; ++item) {
    std::vector<std::pair<float, int64_t>> sorted;
    for (int64_t i = 0; i < 50; ++i) sorted.emplace_back(-values[item * 50 + static_cast<size_t>(i)], i);
    std::sort(sorted.begin(), sorted.end());
    for (size_t i = 0; i < 7; ++i) {
      const auto parsed = parse_class(elements[item * 7 + i]);
      EXPECT_EQ(parsed.index, sorted[i].second);
      EXPECT_NEAR(parsed.score, -sorted[i].first, 1e-6);
    }
  }
}

TEST(Classification, TiesGoToTheLowerIndexAndNanIsLast) {
  const std::vector<float> scores{1, NAN, 3, 3, -INFINITY};
  EXPECT_EQ(best_indices(scores, 9), (std::vector<int64_t>{2, 3, 0, 1, 4}));
  EXPECT_EQ(best_indices(scores, 0), std::vector<int64_t>());
}

TEST(Classification, HasNoMoreClassesThanThereAre) {
  const auto list = best_of_each(Tensor::of<float>({3}, {1.0F, 2.0F, 0.0F}), 10, false);
  EXPECT_EQ(list.shape, (Shape{3}));
  EXPECT_EQ(elements_of(list)[0], "2.000000:1");
}

TEST(Classification, RefusesWhatIsNoClass) {
  EXPECT_EQ(parse_class("0.5:7:tabby cat").index, 7);
  for (const char* wrong : {"", "7", "0.5:", "0.5:-1", "cat:7", "0.5:7x"}) EXPECT_THROW((void)parse_class(wrong), InvalidArgument) << wrong;
}

TEST(Classification, PlansReckonWithAboutTheRightSize) {
  std::vector<float> values(1000, 1.25F);
  const auto list = best_of_each(Tensor::of<float>({1, 1000}, std::span<const float>(values)), 5, true);
  EXPECT_NEAR(static_cast<double>(list.raw.size_bytes()), static_cast<double>(class_answer_bytes(5, 1000)), 20);
}

}  // namespace
}  // namespace scissionlite::protocol
