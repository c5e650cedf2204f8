#include "kernels/strip/strip_problem.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "kernels/problem_fields.h"

namespace scissionlite::kernels {
namespace {

constexpr const char* kPrefix = "strip ";
constexpr const char* kExample = "strip mb1ic64ih112iw112 whole channel; Mul %0 %1; Clip %2 0 6";
constexpr const char* kSeparator = "; ";
constexpr const char* kOwn = "own-";

struct Word {
  Second second;
  const char* text;
};
constexpr Word kWords[] = {{Second::kWhole, "whole"}, {Second::kOne, "one"}, {Second::kPerChannel, "channel"}, {Second::kPerPixel, "pixel"}};

[[noreturn]] void fail(const std::string& text, const std::string& reason) {
  throw InvalidArgument("[kernels] '" + text + "' is no strip: " + reason + "; expected a text such as '" + kExample + "'");
}

StripProblem::Operand operand_of(const std::string& text, const std::string& word) {
  const bool is_own = word.starts_with(kOwn);
  const auto kind = is_own ? word.substr(std::string(kOwn).size()) : word;
  for (const auto& known : kWords)
    if (kind == known.text && !(is_own && known.second == Second::kWhole)) return {known.second, is_own};
  fail(text, "no operand is read as '" + word + "'");
}

/// Of a text without its first part.
std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(kSeparator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + std::string(kSeparator).size();
  }
  return parts;
}

}  // namespace

std::vector<Second> StripProblem::seconds() const {
  std::vector<Second> out;
  for (const auto& operand : operands) out.push_back(operand.second);
  return out;
}

bool StripProblem::leaves_lanes_finite(int64_t lanes) const { return c % lanes == 0 || plan_strip(program, seconds()).makes_finite; }

std::string StripProblem::text() const {
  std::string text = kPrefix + ("mb" + std::to_string(n)) + "ic" + std::to_string(c) + "ih" + std::to_string(h) + "iw" + std::to_string(w);
  for (const auto& operand : operands)
    text += std::string(operand.is_own ? " own-" : " ") +
            std::find_if(std::begin(kWords), std::end(kWords), [&](const Word& word) { return word.second == operand.second; })->text;
  for (const auto& step : program.steps) text += kSeparator + ops::text_of(step);
  return text;
}

StripProblem parse_strip(const std::string& text) {
  const auto parts = parts_of(text);
  const auto words = split(parts[0], ' ');
  if (words.size() < 3 || words[0] + " " != kPrefix) fail(text, "its first part is not 'strip', sizes and operands");
  ProblemFields fields(kPrefix + words[1], kPrefix, kExample);
  StripProblem p;
  p.n = fields.take("mb", 1), p.c = fields.take("ic", 1), p.h = fields.take("ih", 1), p.w = fields.take("iw", p.h);
  fields.finish();
  for (const auto size : {p.n, p.c, p.h, p.w})
    if (size < 1) fail(text, "sizes begin at 1");
  for (size_t i = 2; i < words.size(); ++i) p.operands.push_back(operand_of(text, words[i]));
  p.program.inputs = static_cast<int>(p.operands.size());
  for (size_t i = 1; i < parts.size(); ++i) {
    try {
      p.program.steps.push_back(ops::parse_step(parts[i], p.program.value_of(i - 1)));
    } catch (const InvalidArgument& e) { fail(text, "step '" + parts[i] + "': " + e.what()); }
  }
  if (p.program.steps.empty()) fail(text, "it has no steps");
  if (!can_plan_strip(p.program, p.seconds())) fail(text, "a step has no operand with a value for each of the result's");
  return p;
}

}  // namespace scissionlite::kernels
