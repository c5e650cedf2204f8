#include "kernels/int8/problem_text.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "base/test_messages.h"

namespace scissionlite::kernels {
namespace {

const std::string kConv = "bytes mb1ic64ih56iw56oc64kh3kw3sh1sw1dh1dw1pt1pl1pb1pr1g1";

Int8Problem problem_of(const std::vector<int16_t>& codes, Int8Problem p = {}) {
  p.conv = parse_problem("conv ic64ih56oc64kh3ph1");
  const auto count = p.conv.k * p.conv.c * 9;
  std::vector<int16_t> w;
  for (int64_t i = 0; i < count; ++i) w.push_back(codes[static_cast<size_t>(i) % codes.size()]);
  note_weights(p, w.data());
  return p;
}

TEST(ByteProblemText, SaysWhatWeightsAndCodesAre) {
  EXPECT_EQ(text_of(problem_of({-1, 1}, {.x_low = 0, .x_high = 3})), kConv + " w1from-1by2 a2 sum11");  // 576 * 3 = 1728
  EXPECT_EQ(text_of(problem_of({-2, 0, 1}, {.x_low = 0, .x_high = 3})), kConv + " w2 a2 sum11");
  EXPECT_EQ(text_of(problem_of({0, 3})), kConv + " w1from0by3 a8 sum18");
  EXPECT_EQ(text_of(problem_of({-3, 1, 3}, {.x_low = 1, .x_high = 8})), kConv + " w2from-3by2 a4 sum14");
  EXPECT_EQ(text_of(problem_of({-127, 0, 126})), kConv + " w8 a8 sum24 large4");
  EXPECT_EQ(text_of(problem_of({-127, 0, 126}, {.is_x_signed = true})), kConv + " w8 a8s sum23 large4");
  EXPECT_EQ(text_of(problem_of({-127, 0, 126}, {.x_zero = 120})), kConv + " w8 a8z sum23 large4");
  EXPECT_EQ(text_of(problem_of({-127, 0, 126}, {.is_x_signed = true, .x_zero = -128})), kConv + " w8 a8sz sum24 large4");
  EXPECT_EQ(text_of(problem_of({-135, 0, 119})), kConv + " w8from-127 a8 sum24 large4");
  EXPECT_EQ(text_of(problem_of({-255, 0, 254})), kConv + " w9 a8 sum25 large4");
  EXPECT_EQ(text_of(problem_of({0})), kConv + " w1 a8 sum0");
}

/// Whatever can be said is said again, and weights and codes of a problem are among those of what its text stands for: what that can be computed by
/// computes the problem.
TEST(ByteProblemText, IsInvertedByParsing) {
  Rng rng(1);
  const auto between = [&](int64_t low, int64_t high) { return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1))); };
  for (int i = 0; i < 300; ++i) {
    const int64_t least = between(-255, 255), step = between(1, 4), codes = between(1, 1 + (255 - least) / step);
    std::vector<int16_t> w;
    for (int64_t k = 0; k < codes; ++k) w.push_back(static_cast<int16_t>(least + step * k));
    Int8Problem given{.is_x_signed = rng.below(2) != 0};
    const int64_t lowest = given.is_x_signed ? -128 : 0;
    if (rng.below(2) != 0) given.x_zero = static_cast<int32_t>(between(lowest, lowest + 255));
    given.x_low = static_cast<int32_t>(between(lowest, lowest + 255)), given.x_high = static_cast<int32_t>(between(given.x_low, lowest + 255));
    const auto p = problem_of(w, given);
    const auto text = text_of(p);
    const auto again = parse_int8_problem(text);
    ASSERT_EQ(text_of(again), text);
    EXPECT_EQ(again.conv, p.conv);
    EXPECT_EQ(again.weight_bits(), p.weight_bits()) << text;
    EXPECT_EQ(again.w_step, p.w_step) << text;
    const bool is_within = again.w_least <= p.w_least && again.w_most >= p.w_most,
               is_any_of_8_bits = p.weight_bits() == 8 && !p.has_byte_weights && !again.has_byte_weights;
    EXPECT_TRUE(is_within || is_any_of_8_bits) << text;
    EXPECT_GE(again.most_sum, p.most_sum) << text;
    EXPECT_LE(again.most_sum / 2, p.most_sum) << text;
    EXPECT_EQ(p.large_pairs < 1. / 1024, again.large_pairs == 0) << text;
    EXPECT_LE(again.large_pairs, 1.5 * p.large_pairs) << text;
    EXPECT_EQ(again.is_x_signed, p.is_x_signed) << text;
    EXPECT_EQ(again.x_zero == 0, p.x_zero == 0) << text;
    EXPECT_TRUE(p.has_byte_weights || !again.has_byte_weights) << text;
    for (const auto* loops : all_int8_loops())
      for (const auto* row : int8_conv_implementations())
        EXPECT_TRUE(!row->reason_against(again, *loops).empty() || row->reason_against(p, *loops).empty()) << text << " by " << row->name;
  }
}

TEST(ByteProblemText, LeavesOutWhatIsUsual) {
  const auto p = parse_int8_problem("bytes ic8ih6oc8 w8 a8");
  EXPECT_EQ(p.conv, parse_problem("conv ic8ih6oc8"));
  EXPECT_EQ(p.most_sum, std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(p.has_byte_weights);
  EXPECT_EQ(parse_int8_problem("bytes ic8ih6oc8 w2from-2 a2").w_most, 1);
}

TEST(ByteProblemText, PlacesOfMistakesAreNamed) {
  const auto refusal = [](const std::string& text) { return message_of([&] { (void)parse_int8_problem(text); }); };
  EXPECT_NE(refusal("conv ic8 w8 a8").find("position 0: expected 'bytes '"), std::string::npos) << refusal("conv ic8 w8 a8");
  EXPECT_NE(refusal("bytes ic8ih w8 a8").find("position 11: expected a number"), std::string::npos) << refusal("bytes ic8ih w8 a8");
  EXPECT_NE(refusal("bytes ic8").find("position 9: expected ' w'"), std::string::npos);
  EXPECT_NE(refusal("bytes ic8 w12 a8").find("position 11: expected a number from 1 to 9"), std::string::npos);
  EXPECT_NE(refusal("bytes ic8 w2from x").find("position 16: expected a number from -255 to 255"), std::string::npos);
  EXPECT_NE(refusal("bytes ic8 w8from200 a8").find("position 11: expected bits of weights that are all within -255 and 255"), std::string::npos);
  EXPECT_NE(refusal("bytes ic8 w8 a9").find("position 14: expected a number from 1 to 8"), std::string::npos);
  EXPECT_NE(refusal("bytes ic8 w8 a8 sum32").find("position 19: expected a number from 0 to 31"), std::string::npos);
  EXPECT_NE(refusal("bytes ic8 w8 a8 large3").find("position 21: expected a number from 4 to 9"), std::string::npos);
  EXPECT_NE(refusal("bytes ic8 w8 a8 residual").find("position 15: expected the end, as in 'bytes mb1"), std::string::npos);
  EXPECT_NE(refusal("bytes ic8q3 w8 a8").find("unknown field 'q'"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::kernels
