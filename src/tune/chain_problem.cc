#include "tune/chain_problem.h"

#include <algorithm>

#include "base/error.h"

namespace scissionlite::tune {
namespace {

constexpr const char* kPrefix = "chain ";
constexpr const char* kSeparator = " + ";

}  // namespace

std::string ChainOfConvs::text() const {
  std::string text = kPrefix;
  for (size_t i = 0; i < stages.size(); ++i) text += (i == 0 ? "" : kSeparator) + stages[i].text();
  return text;
}

kernels::ChainProblem ChainOfConvs::problem() const {
  kernels::ChainProblem out;
  const auto filter = std::find_if(stages.begin(), stages.end(), [](const ConvWithEnd& stage) { return stage.problem.is_depthwise(); });
  const auto before = filter - stages.begin(), after = static_cast<std::ptrdiff_t>(stages.size()) - before - 1;
  const auto stage = [](const ConvWithEnd& conv) { return kernels::ChainStage{conv.problem, {}, conv.end.activation}; };
  const auto is_pointwise = [&](std::ptrdiff_t i) { return stages[static_cast<size_t>(i)].problem.is_pointwise(); };
  const bool is_chain = filter != stages.end() && stages.size() > 1 && before <= 1 && after <= 1 && (before == 0 || is_pointwise(0)) &&
                        (after == 0 || is_pointwise(before + 1)) &&
                        std::none_of(stages.begin(), stages.end() - 1, [](const ConvWithEnd& s) { return s.end.has_residual; }) &&
                        (after == 1 || !filter->end.has_residual);
  if (!is_chain)
    throw InvalidArgument(
        "[tune] '" + text() +
        "' is no chain: expected a depthwise convolution with a 1x1 one before it, behind it, or both, and a residual at the end of the last only");
  if (before == 1) out.expand = stage(stages[0]);
  out.depthwise = stage(*filter);
  if (after == 1) out.project = stage(stages.back());
  out.has_residual = stages.back().end.has_residual;
  return out;
}

std::vector<int64_t> ChainOfConvs::band_rows(const kernels::VectorLoops& loops, int threads) const {
  const auto chain = problem();
  const int64_t most = (chain.depthwise.problem.out_h() + threads - 1) / threads;
  std::vector<int64_t> rows{kernels::usual_band_rows(chain, loops, threads)};
  for (const int64_t count : {1, 2, 3, 4, 6, 8, 14, 28, 56})
    if (count < most) rows.push_back(count);
  rows.push_back(most);
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

ChainOfConvs parse_chain(const std::string& text) {
  const std::string prefix = kPrefix, separator = kSeparator;
  if (text.compare(0, prefix.size(), prefix) != 0) throw InvalidArgument("[tune] '" + text + "': expected 'chain conv ... + conv ...'");
  ChainOfConvs out;
  for (size_t at = prefix.size(); at < text.size();) {
    const auto end = std::min(text.find(separator, at), text.size());
    out.stages.push_back(parse_conv_with_end(text.substr(at, end - at)));
    at = end + separator.size();
  }
  (void)out.problem();
  return out;
}

}  // namespace scissionlite::tune
