#include "train/data/class_names.h"

#include <gtest/gtest.h>

#include "base/test_messages.h"

namespace scissionlite::train {
namespace {

using Labels = std::vector<int64_t>;

vision::InputSpec with_labels(std::vector<std::string> labels) {
  vision::InputSpec out;
  out.labels = std::move(labels);
  return out;
}

TEST(ClassNames, NumbersNamesAndWords) {
  ClassNames birds(with_labels({"crow", "jay", "owl"}));
  EXPECT_EQ((Labels{birds.of("2", "x"), birds.of("jay", "x"), birds.of("02", "x")}), (Labels{2, 1, 2}));
  const auto word = birds.of("ok", "x"), other = birds.of("defect", "x");
  EXPECT_NE(word, other);
  EXPECT_EQ(birds.of("ok", "y"), word);
  EXPECT_EQ(birds.name(2) + ", " + birds.name(word) + ", " + birds.name(other), "2 (owl), ok, defect");
  EXPECT_EQ(ClassNames(with_labels({})).of("123456789", "x"), 123456789);
}

TEST(ClassNames, RefuseWhatCannotBeAClass) {
  ClassNames birds(with_labels({"crow", "jay", "owl"})), any(with_labels({}));
  EXPECT_NE(message_of([&] { (void)birds.of("11", "t.tsv:4"); }).find("[labels] t.tsv:4: class 11 is beyond the 3 labels of input.json (0 to 2)"),
            std::string::npos);
  EXPECT_EQ(message_of([&] { (void)any.of("-1", "t.tsv:4"); }), "[labels] t.tsv:4: class -1 is negative; labels are 0 or more");
}

/// A model that was trained on two classes before is trained on the labels of its images again.
TEST(ClassNames, OfAModelOfTwoClassesAreNoLimit) {
  ClassNames two(with_labels({"negative", "positive"}));
  EXPECT_EQ((Labels{two.of("6", "x"), two.of("positive", "x"), two.of("1", "x")}), (Labels{6, 1, 1}));
  EXPECT_EQ(two.name(1), "1");
}

TEST(PositiveClasses, MakeTwoClasses) {
  PositiveClasses classes(with_labels({}), {"2", "dent"});
  auto& names = classes.names();
  Labels train{0, 2, 0, names.of("dent", "x"), -1, names.of("ok", "x"), 0}, held_out{2, 0};
  EXPECT_EQ(classes.reduce(train, held_out, false),
            "learned from: 4 negative (0: 3, ok: 1), 2 positive (2: 1, dent: 1); held out: 1 negative (0: 1), 1 positive (2: 1)");
  EXPECT_EQ(train, (Labels{0, 1, 0, 1, -1, 0, 0}));
  EXPECT_EQ(held_out, (Labels{1, 0}));
}

TEST(PositiveClasses, ThatNoImageHas) {
  const auto of = [](const std::vector<std::string>& positive, bool others_have_images) {
    PositiveClasses classes(with_labels({}), positive);
    Labels train{0, 1, 3, 7, classes.names().of("ok", "x")}, held_out{0, 5};
    return message_of([&] { classes.reduce(train, held_out, others_have_images); });
  };
  EXPECT_EQ(of({"3", "7"}, false), "");
  EXPECT_EQ(of({"3", "4"}, false),
            "[train] no image has the positive class 4; there are 0, 1, 3, 7, ok; name those that are positive with --positive");
  EXPECT_NE(of({"defct"}, false).find("no image has the positive class defct; there are 0, 1, 3, 7, ok"), std::string::npos);
  EXPECT_NE(of({"5"}, false).find("no image has the positive class 5"), std::string::npos) << "held-out ones alone teach nothing";
  EXPECT_EQ(of({"3", "5"}, false), "") << "a rare one";
  EXPECT_EQ(of({"5"}, true), "");
  EXPECT_EQ(of({"4"}, true), "") << "another member may have it";
  EXPECT_NE(of({"-1"}, true).find("--positive: class -1 is negative; labels are 0 or more"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::train
