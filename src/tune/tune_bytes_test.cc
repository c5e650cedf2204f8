#include "tune/tune_bytes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "base/test_messages.h"
#include "kernels/int8/problem_text.h"
#include "kernels/vector/loops.h"
#include "tune/bytes_trial.h"
#include "tune/choices.h"

namespace scissionlite::tune {
namespace {

const std::vector<std::string> kProblems{"bytes ic19ih7iw6oc21kh3ph1 w1from-1by2 a2 sum10",
                                         "bytes ic16ih9iw8oc24kh3ph1 w8 a8 sum22",
                                         "bytes ic64ih5iw8oc24kh3ph1 w8 a8 sum25 large6",
                                         "bytes ic16ih9iw8oc24kh3ph1 w8 a8sz sum21",
                                         "bytes ic24ih9oc24kh3ph1g24 w8 a8z sum17",
                                         "bytes ic8ih7oc12kh5pt1pl2sh2 w9 a8s sum23",
                                         "bytes ic12ih1iw10oc9 w4from0 a4",
                                         "bytes ic12ih5oc9 w3from100by3 a1sz sum11 large4"};

class TuningBytes : public testing::Test {
 protected:
  TuningBytes() : folder_(fs::temp_directory_path() / ("tune_bytes_test_" + std::to_string(getpid()))) {
    options_.measure.trial.loops = &kernels::best_loops();
    options_.measure.trial.enough_us = 200;
  }
  ~TuningBytes() override { fs::remove_all(folder_); }
  [[nodiscard]] Ways ways(const std::string& text) const { return byte_conv_ways(kernels::parse_int8_problem(text), loops_, options_.measure); }
  const kernels::Int8Loops& loops_ = kernels::best_int8_loops();
  fs::path folder_;
  TuneOptions options_;
};

/// The problem of a trial's own weights, which have to fit what the text says.
TEST(BytesTrialData, IsOfTheText) {
  for (const auto& text : kProblems) {
    const auto p = kernels::parse_int8_problem(text);
    auto noted = p;
    const auto w = random_weights(p);
    kernels::note_weights(noted, w.data());
    EXPECT_GE(noted.w_least, p.w_least) << text;
    EXPECT_LE(noted.w_most, p.w_most) << text;
    EXPECT_EQ((noted.w_least - p.w_least) % p.w_step, 0) << text;
    EXPECT_EQ(noted.w_step % p.w_step, 0) << text;
    const bool can_be_small = p.w_least <= 0 && p.w_step == 1;  // codes of x are fewer where not
    EXPECT_TRUE(!can_be_small || noted.most_sum <= p.most_sum) << text;
    EXPECT_LE(std::abs(noted.large_pairs - p.large_pairs), can_be_small && p.has_byte_weights ? p.large_pairs / 3 : 1) << text;
    EXPECT_GE(noted.most_sum, text.find("sum") == std::string::npos ? 0 : p.most_sum / 4) << text;
  }
}

TEST(BytesTrialData, EveryWayIsRightAndAWrongOneIsFound) {
  const auto& loops = kernels::best_int8_loops();
  TrialOptions options{.loops = &kernels::best_loops(), .enough_us = 10};
  for (const auto& text : kProblems) {
    const auto p = kernels::parse_int8_problem(text);
    BytesTrial trial(p, loops, options);
    for (const auto* row : kernels::int8_conv_candidates(p, loops)) EXPECT_GT(trial.run(*row), 0) << text << " by " << row->name;
    auto wrong = *kernels::find_int8_conv("direct");
    wrong.make = [](const kernels::Int8Problem& of, const kernels::Int8Weights& w, const kernels::Int8Loops& l) {
      std::vector<int32_t> bias(static_cast<size_t>(of.conv.k), 1 << 24);
      return kernels::find_int8_conv("direct")->make(of, {w.w, bias.data(), w.scale}, l);
    };
    EXPECT_NE(message_of([&] { (void)trial.run(wrong); }).find("wrong at "), std::string::npos) << text;
  }
}

TEST_F(TuningBytes, GivesACandidateAndIsRecalled) {
  for (const auto& text : kProblems) {
    const auto all = ways(text);
    MeasurementLog log(folder_ / "log");
    const auto tuned = tune_byte_conv(all, options_, log);
    EXPECT_EQ(tuned.key.problem, kernels::text_of(kernels::parse_int8_problem(text)));
    EXPECT_EQ(tuned.key.dtype, kDtypeOfBytes);
    EXPECT_EQ(tuned.key.isa, loops_.isa);
    EXPECT_EQ(tuned.failed, 0);
    EXPECT_EQ(tuned.entry.measured, static_cast<int64_t>(all.all.size()));
    EXPECT_GT(tuned.entry.median_us, 0);
    EXPECT_NE(std::find(all.all.begin(), all.all.end(), Way{tuned.entry.implementation, {}}), all.all.end()) << tuned.entry.implementation;
    EXPECT_EQ(all.usual.implementation, kernels::usual_int8_conv(kernels::parse_int8_problem(text), loops_).name);
    MeasurementLog again(folder_ / "log");
    int steps = 0;
    (void)tune_byte_conv(all, options_, again, [&](const TuneStep&) { ++steps; });
    EXPECT_EQ(steps, 0) << text;
  }
}

TEST_F(TuningBytes, WeightsOfFewBitsStayPacked) {
  const auto one_bit = ways(kProblems[0]).all, eight_bits = ways(kProblems[1]).all;
  for (const auto& way : one_bit) EXPECT_TRUE(kernels::find_int8_conv(way.implementation)->keeps_packed) << way.implementation;
  EXPECT_NE(std::find(eight_bits.begin(), eight_bits.end(), Way{"direct", {}}), eight_bits.end());
}

TEST_F(TuningBytes, AWayThatFailsIsOut) {
  auto all = ways(kProblems[1]);
  ASSERT_GT(all.all.size(), 1U);
  all.make = [make = all.make, usual = all.usual] {
    return [run = make(), usual](const Way& way) { return way == usual ? run(way) : throw InvalidArgument("wrong at 1 of 1 bytes, first at 0"); };
  };
  MeasurementLog log(folder_ / "log");
  const auto tuned = tune_byte_conv(all, options_, log);
  EXPECT_EQ(tuned.entry.implementation, all.usual.implementation);
  EXPECT_EQ(tuned.failed, static_cast<int64_t>(all.all.size()) - 1);
}

/// What `find` gives for an entry that says so.
std::string found(const kernels::Int8Problem& p, const std::string& implementation, const kernels::Knobs& knobs = {},
                  const std::string& isa = kernels::best_int8_loops().isa) {
  Database database;
  auto key = key_of(p, kernels::best_int8_loops(), 1);
  key.isa = isa;
  database.add(key, {implementation, knobs, 2, 3, 1, "all", {}});
  const Choices choices(database_from_json(to_json(database), "t.json"), "t.json", kernels::best_loops(), 1);
  const auto tuned = choices.find(p, kernels::best_int8_loops());
  EXPECT_EQ(tuned ? tuned->median_us + tuned->usual_us : 5, 5);
  return tuned ? tuned->way->name : "";
}

TEST(BytesChoices, AreWhatTheFileSaysWhereThatCanBeDone) {
  const auto p = kernels::parse_int8_problem(kProblems[1]);
  EXPECT_EQ(found(p, "winograd m=2"), "winograd m=2");
  EXPECT_EQ(found(p, "direct"), "direct");
  EXPECT_EQ(found(p, "depthwise"), "");    // cannot
  EXPECT_EQ(found(p, "butterflies"), "");  // unknown
  EXPECT_EQ(found(p, "winograd", {{"m", 2}}), "");
  EXPECT_EQ(found(p, "direct", {}, "avx9"), "");  // of another machine
}

TEST(BytesChoices, SayWhy) {
  const auto p = kernels::parse_int8_problem(kProblems[1]);
  const auto& loops = kernels::best_int8_loops();
  const auto& usual = kernels::usual_int8_conv(p, loops);
  EXPECT_NE(reason_of(usual, p, loops, nullptr).find(" million cycles; next: "), std::string::npos) << reason_of(usual, p, loops, nullptr);
  Database database;
  database.add(key_of(p, loops, 1), {"direct", {}, 2, 3, 5, "all", {}});
  const Choices choices(database, "t.json", kernels::best_loops(), 1);
  const auto reason = reason_of(*kernels::find_int8_conv("direct"), p, loops, &choices);
  EXPECT_NE(reason.find("measured: "), std::string::npos) << reason;
  EXPECT_NE(reason.find("(all, 5 configurations)"), std::string::npos) << reason;
}

}  // namespace
}  // namespace scissionlite::tune
