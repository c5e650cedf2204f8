#include "base/error.h"
#include "base/text.h"
#include "kernels/conv/conv.h"
#include "kernels/problem_fields.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kTwoFourPattern = 24;

void check(const ConvProblem& p, const std::string& text) {
  const bool is_positive = p.n > 0 && p.c > 0 && p.h > 0 && p.w > 0 && p.k > 0 && p.kernel_h > 0 && p.kernel_w > 0 && p.stride_h > 0 &&
                           p.stride_w > 0 && p.dilation_h > 0 && p.dilation_w > 0 && p.groups > 0;
  if (!is_positive || p.c % p.groups || p.k % p.groups || p.h + p.top + p.bottom < (p.kernel_h - 1) * p.dilation_h + 1 ||
      p.w + p.left + p.right < (p.kernel_w - 1) * p.dilation_w + 1)
    throw InvalidArgument("[kernels] '" + text +
                          "' is no convolution: expected sizes from 1 on, channels that the groups divide, and an image that holds the kernel");
}

}  // namespace

ConvProblem parse_problem(const std::string& text) { return parse_problem(text, "conv ", "conv mb1ic64ih56iw56oc64kh3kw3sh1sw1ph1pw1g1"); }

ConvProblem parse_problem(const std::string& text, const std::string& prefix, const std::string& example) {
  ProblemFields fields(text, prefix, example);
  ConvProblem p;
  p.n = fields.take("mb", 1);
  p.c = fields.take("ic", 1), p.h = fields.take("ih", 1), p.w = fields.take("iw", p.h), p.k = fields.take("oc", 1);
  p.kernel_h = fields.take("kh", 1), p.kernel_w = fields.take("kw", p.kernel_h);
  p.stride_h = fields.take("sh", 1), p.stride_w = fields.take("sw", p.stride_h);
  p.dilation_h = fields.take("dh", 1), p.dilation_w = fields.take("dw", p.dilation_h);
  const int64_t vertical = fields.take("ph", 0), horizontal = fields.take("pw", vertical);
  p.top = fields.take("pt", vertical), p.left = fields.take("pl", horizontal), p.bottom = fields.take("pb", vertical),
  p.right = fields.take("pr", horizontal);
  p.groups = fields.take("g", 1);
  const int64_t pattern = fields.take("sparse", 0);
  if (pattern != 0 && pattern != kTwoFourPattern)
    throw InvalidArgument("[kernels] '" + text + "' has weights of the pattern " + std::to_string(pattern) + "; known is sparse" +
                          std::to_string(kTwoFourPattern));
  p.is_two_four = pattern == kTwoFourPattern;
  fields.finish();
  check(p, text);
  return p;
}

Knobs parse_knobs(const std::string& text) {
  Knobs knobs;
  for (const auto& word : split(text, ' ')) {
    const auto at = word.find('=');
    size_t used = 0;
    try {
      if (at != std::string::npos) knobs[word.substr(0, at)] = std::stoll(word.substr(at + 1), &used);
    } catch (const std::exception&) { used = 0; }
    if (used == 0 || used != word.size() - at - 1)
      throw InvalidArgument("[kernels] '" + word + "' is no knob; expected \"algorithm=0 tile_x=6 ...\"");
  }
  return knobs;
}

}  // namespace scissionlite::kernels
