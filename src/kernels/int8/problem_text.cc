#include "kernels/int8/problem_text.h"

#include <cctype>
#include <cmath>

namespace scissionlite::kernels {
namespace {

constexpr int kMostWeightBits = 9, kMostCodeBits = 8, kMostSumBits = 31;
constexpr int32_t kMostWeight = 255;  // an unsigned byte less a zero point
constexpr const char* kPrefix = "bytes ";
constexpr const char* kExample = "bytes mb1ic64ih56iw56oc64kh3kw3sh1sw1ph1pw1g1 w1from-1by2 a2 sum11";

constexpr int kMostLarge = 4, kLeastLarge = 9;  // of steps of 48 pairs, 19 of 20 and 1 of 16 then have one (direct.cc)

int32_t least_of(int bits) { return -(1 << (bits - 1)); }

/// What stands behind the convolution, word by word.
class Words {
 public:
  Words(const std::string& text, size_t at) : text_(text), at_(at) {}
  [[nodiscard]] bool is_at_end() const { return at_ == text_.size(); }
  bool skip(const std::string& what) {
    if (text_.compare(at_, what.size(), what) != 0) return false;
    at_ += what.size();
    return true;
  }
  void expect(const std::string& what) {
    if (!skip(what)) fail("'" + what + "'");
  }
  int32_t number(int32_t least, int32_t most) {
    const size_t from = at_;
    const bool is_negative = least < 0 && skip("-");
    int32_t value = 0;
    const size_t digits = at_;
    for (; !is_at_end() && std::isdigit(static_cast<unsigned char>(text_[at_])) && value <= most; ++at_) value = value * 10 + (text_[at_] - '0');
    if (is_negative) value = -value;
    if (at_ == digits || value < least || value > most) fail_at(from, "a number from " + std::to_string(least) + " to " + std::to_string(most));
    return value;
  }
  [[nodiscard]] size_t at() const { return at_; }
  [[noreturn]] void fail(const std::string& expected) const { fail_at(at_, expected); }
  [[noreturn]] void fail_at(size_t at, const std::string& expected) const {
    throw InvalidArgument("[kernels] '" + text_ + "', position " + std::to_string(at) + ": expected " + expected + ", as in '" + kExample + "'");
  }

 private:
  const std::string& text_;
  size_t at_;
};

void parse_weights(Words& words, Int8Problem& p) {
  words.expect(" w");
  const size_t at = words.at();
  const int bits = words.number(1, kMostWeightBits);
  const int32_t from = words.skip("from") ? words.number(-kMostWeight, kMostWeight) : std::max(least_of(bits), -kMostWeight);
  p.w_least = from;
  p.w_step = words.skip("by") ? words.number(1, 2 * kMostWeight) : 1;
  p.w_most = from + std::min((1 << bits) - 1, (kMostWeight - from) / p.w_step) * p.w_step;
  if (p.weight_bits() != bits) words.fail_at(at, "bits of weights that are all within -255 and 255");
  p.has_byte_weights = p.w_least >= -128 && p.w_most <= 127;
}

void parse_codes(Words& words, Int8Problem& p) {
  words.expect(" a");
  const int bits = words.number(1, kMostCodeBits);
  p.is_x_signed = words.skip("s");
  const bool has_zero = words.skip("z");
  p.x_low = p.is_x_signed ? least_of(bits) : 0;
  p.x_high = p.x_low + (1 << bits) - 1;
  if (has_zero) p.x_zero = p.is_x_signed ? p.x_low : 1 << (bits - 1);
}

/// The n of `large`; more than kLeastLarge: left out.
int large_of(double share) { return share > 0 ? std::max(kMostLarge, static_cast<int>(std::floor(-std::log2(share)))) : kLeastLarge + 1; }

}  // namespace

std::string text_of(const Int8Problem& p) {
  const int w_bits = p.weight_bits();
  const bool is_any_of_8_bits = w_bits == 8 && p.w_step == 1 && p.w_least != 0;
  const bool is_twos_complement = p.w_step == 1 && p.w_least >= least_of(w_bits) && p.w_most < -least_of(w_bits);
  std::string text = kPrefix + p.conv.text().substr(std::string("conv ").size()) + " w" + std::to_string(w_bits);
  if (!is_twos_complement) text += "from" + std::to_string(is_any_of_8_bits ? -127 : p.w_least);
  if (p.w_step != 1) text += "by" + std::to_string(p.w_step);
  const int32_t codes = std::max(p.most_x(), p.x_zero) - std::min(p.least_x(), p.x_zero);
  text += " a" + std::to_string(std::max(1, static_cast<int>(std::bit_width(static_cast<uint32_t>(codes))))) + (p.is_x_signed ? "s" : "") +
          (p.x_zero != 0 ? "z" : "");
  const int sum_bits = static_cast<int>(std::bit_width(static_cast<uint64_t>(p.most_sum)));
  if (sum_bits <= kMostSumBits) text += " sum" + std::to_string(sum_bits);
  const int large = large_of(p.large_pairs);
  return large > kLeastLarge ? text : text + " large" + std::to_string(large);
}

Int8Problem parse_int8_problem(const std::string& text) {
  const size_t begin = std::string(kPrefix).size(), end = text.find(' ', begin);
  Int8Problem p;
  p.conv = parse_problem(text.substr(0, end), kPrefix, kExample);
  Words words(text, std::min(end, text.size()));
  parse_weights(words, p);
  parse_codes(words, p);
  if (words.skip(" sum")) p.most_sum = (int64_t{1} << words.number(0, kMostSumBits)) - 1;
  if (words.skip(" large")) p.large_pairs = 0.75 * std::ldexp(1, -words.number(kMostLarge, kLeastLarge));
  if (!words.is_at_end()) words.fail("the end");
  return p;
}

}  // namespace scissionlite::kernels
