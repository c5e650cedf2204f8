#include "train/rare/two_classes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/rng.h"
#include "base/test_messages.h"

namespace scissionlite::train {
namespace {

/// Labels alone.
class Labels : public Dataset {
 public:
  explicit Labels(std::vector<int64_t> labels) : labels_(std::move(labels)) {}
  [[nodiscard]] int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  [[nodiscard]] Example get(int64_t index, Rng*) const override {
    return {Tensor::of<float>({1, 1}, {static_cast<float>(index)}), labels_[static_cast<size_t>(index)]};
  }
  [[nodiscard]] std::string identity() const override { return "labels"; }

 private:
  std::vector<int64_t> labels_;
};

std::vector<char> some_classes(Rng& rng, int64_t count, double share) {
  std::vector<char> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(rng.uniform() < share);
  out[0] = 1, out[1] = 0;
  return out;
}
std::vector<int64_t> all_of(const std::vector<char>& classes) {
  std::vector<int64_t> out(classes.size());
  std::iota(out.begin(), out.end(), 0);
  return out;
}
int64_t positives_of(const std::vector<int64_t>& indices, const std::vector<char>& is_positive) {
  return std::count_if(indices.begin(), indices.end(), [&](int64_t i) { return is_positive[static_cast<size_t>(i)] != 0; });
}

TEST(TwoClasses, AreThePositiveClassesAndTheRest) {
  const auto images = std::make_shared<Labels>(std::vector<int64_t>{3, 0, -1, 7, 3, 1});
  const auto which = labelled(*images);
  EXPECT_EQ(which, (std::vector<int64_t>{0, 1, 3, 4, 5}));
  const TwoClasses two(images, {3, 7}, which);
  EXPECT_EQ(two.positives(), 3);
  for (int64_t i = 0; i < two.size(); ++i) {
    const auto example = two.get(i, nullptr);
    EXPECT_EQ(example.label, two.label(i));
    EXPECT_EQ(example.label, images->label(which[static_cast<size_t>(i)]) == 3 || images->label(which[static_cast<size_t>(i)]) == 7);
    EXPECT_EQ(example.input.as<float>()[0], static_cast<float>(which[static_cast<size_t>(i)]));
  }
  EXPECT_NE(two.identity(), TwoClasses(images, {3}, which).identity());
  EXPECT_EQ(message_of([&] { check_both_classes("images", 5, 3); }), "");
  EXPECT_NE(message_of([] { check_both_classes("images", 5, 5); }).find("5 of 5 images are positive"), std::string::npos);
  EXPECT_NE(message_of([] { check_both_classes("images", 5, 0); }).find("0 of 5 images are positive"), std::string::npos);
}

TEST(TwoClasses, SharesOfPositives) {
  Rng rng(1);
  const auto classes = some_classes(rng, 1000, 0.4);
  const auto kept = with_positive_share(all_of(classes), classes, 0.01, 7);
  const auto positives = positives_of(kept, classes);
  EXPECT_EQ(static_cast<int64_t>(kept.size()) - positives, std::count(classes.begin(), classes.end(), 0));
  EXPECT_NEAR(static_cast<double>(positives) / static_cast<double>(kept.size()), 0.01, 1e-3);
  EXPECT_EQ(std::set<int64_t>(kept.begin(), kept.end()).size(), kept.size());
  EXPECT_NE(kept, with_positive_share(all_of(classes), classes, 0.01, 8));
  EXPECT_THROW((void)with_positive_share(all_of(classes), classes, 0.9, 7), InvalidArgument);
  EXPECT_THROW((void)with_positive_share(all_of(classes), classes, 1e-9, 7), InvalidArgument);
  EXPECT_THROW((void)with_positive_share(all_of(classes), classes, 1, 7), InvalidArgument);
}

TEST(TwoClasses, MembersHaveAllOnce) {
  Rng rng(2);
  for (int round = 0; round < 40; ++round) {
    const int members = 1 + static_cast<int>(rng.below(8));
    const auto classes = some_classes(rng, members + 2 + static_cast<int64_t>(rng.below(200)), 0.2);
    const double skew = round % 2 == 0 ? 0 : rng.uniform();
    const auto parts = divide(all_of(classes), classes, members, skew, 5);
    std::vector<int64_t> joined;
    for (const auto& part : parts) joined.insert(joined.end(), part.begin(), part.end());
    std::sort(joined.begin(), joined.end());
    EXPECT_EQ(joined, all_of(classes));
    for (const auto& part : parts) {
      EXPECT_FALSE(part.empty());
      if (skew > 0) continue;
      EXPECT_NEAR(static_cast<double>(positives_of(part, classes)), static_cast<double>(positives_of(joined, classes)) / members, 1.01);
      EXPECT_NEAR(static_cast<double>(part.size()), static_cast<double>(joined.size()) / members, 1.01);
    }
  }
  const std::vector<char> classes{1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const auto skewed = divide(all_of(classes), classes, 4, 1, 5);
  EXPECT_GE(positives_of(skewed[0], classes), 4);
  EXPECT_LE(positives_of(skewed[3], classes), 1);
  EXPECT_THROW((void)divide(all_of(classes), classes, 25, 0, 5), InvalidArgument);
  EXPECT_THROW((void)divide(all_of(classes), classes, 2, 1.5, 5), InvalidArgument);
}

TEST(TwoClasses, BatchesAreBalanced) {
  Rng rng(3);
  const auto classes = some_classes(rng, 103, 0.1);
  const auto order = balanced_order(classes, 16, 6, 9);
  std::vector<int64_t> used(classes.size());
  for (int64_t epoch = 0; epoch < 40; ++epoch) {
    const auto indices = order(epoch);
    EXPECT_EQ(indices.size(), 7U * 16U);
    EXPECT_EQ(indices, order(epoch));
    for (size_t b = 0; b < 7; ++b)
      EXPECT_EQ(positives_of({indices.begin() + static_cast<int64_t>(b) * 16, indices.begin() + static_cast<int64_t>(b + 1) * 16}, classes), 6);
    for (const auto i : indices) ++used[static_cast<size_t>(i)];
  }
  for (const char wanted : {0, 1}) {  // all of a class alike, but for the cycle under way
    int64_t least = INT64_MAX, most = 0;
    for (size_t i = 0; i < used.size(); ++i)
      if (classes[i] == wanted) least = std::min(least, used[i]), most = std::max(most, used[i]);
    EXPECT_LE(most - least, 1) << static_cast<int>(wanted);
  }
  EXPECT_NE(order(0), balanced_order(classes, 16, 6, 10)(0));
  const auto without = balanced_order({0, 0, 0}, 2, 1, 1)(0);
  EXPECT_EQ(without.size(), 4U);
}

TEST(TwoClasses, LoadersFollowAnOrder) {
  const Loader loader(std::make_shared<Labels>(std::vector<int64_t>{1, 0, 0}), {.batch_size = 4, .order = balanced_order({1, 0, 0}, 4, 2, 3)});
  EXPECT_EQ(loader.batches(), 1);
  const auto batch = loader.epoch(5)->next();
  ASSERT_TRUE(batch);
  EXPECT_EQ(std::count(batch->labels.begin(), batch->labels.end(), 1), 2);
  EXPECT_EQ(batch->size(), 4);
}

}  // namespace
}  // namespace scissionlite::train
