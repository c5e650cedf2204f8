#include "engine/backends/native/choosing/graph_costs.h"

#include <algorithm>

#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "tune/trial.h"

namespace scissionlite::native {
namespace {

constexpr double kBandOverheadUs =
    0.1;  // of each stage of a band, whose loops begin anew: of chains that save the same the one with fewer, taller bands
constexpr double kMeasuredChainMargin = 1.02;  // of times in turns, that a machine's own drift does not make a chain
constexpr double kReferenceValuesPerUs = 200;
constexpr double kLeastChainShare = 0.3;  // of its stages, which it cannot beat by more than what memory took

/// Below, tensors between the stages of a chain stay in L2 by themselves.
int64_t least_inner_bytes() { return kernels::l2_bytes() * 3 / 2; }

}  // namespace

double GraphCosts::bytes_of(const std::string& value, Form form) const {
  const auto type = l_.info(value);
  if (form == Form::kPlain || type.shape.size() != 4)
    return static_cast<double>(element_count(type.shape) * static_cast<int64_t>(dtype_size(type.dtype)));
  return static_cast<double>(type.shape[0] * kernels::round_up(type.shape[1], l_.lanes()) * type.shape[2] * type.shape[3]) * sizeof(float);
}

/// A transposition: bound by memory, or by a value a cycle. Going from blocked to a view takes nothing: it is gathered when it is read.
ConversionCosts GraphCosts::conversions(const std::string& value) const {
  constexpr auto kPlain = static_cast<size_t>(Form::kPlain), kBlocked = static_cast<size_t>(Form::kBlocked), kView = static_cast<size_t>(Form::kView);
  ConversionCosts costs;
  for (auto& row : costs.us) row.fill(kImpossible);
  for (size_t form = 0; form < kForms; ++form) costs.us[form][form] = 0;
  if (!l_.is_f32_image(value)) return costs;
  const auto shape = l_.info(value).shape;
  const double plain = bytes_of(value, Form::kPlain), blocked = bytes_of(value, Form::kBlocked);
  const double us = std::max(bytes_us(plain + blocked), cycles_us(blocked / sizeof(float)));
  const bool is_same_in_memory = shape[2] == 1 && shape[3] == 1 && (shape[0] == 1 || shape[1] % l_.lanes() == 0);
  costs.us[kPlain][kBlocked] = us;
  costs.us[kBlocked][kPlain] = is_same_in_memory ? 0 : us;
  costs.us[kBlocked][kView] = 0;
  costs.us[kView][kBlocked] = us;
  return costs;
}

double GraphCosts::pass_us(const std::vector<std::string>& values) const {
  double bytes = 0;
  for (const auto& value : values) bytes += bytes_of(value, Form::kPlain);
  return bytes_us(bytes);
}

double GraphCosts::reference_us(const std::string& value) const {
  return static_cast<double>(element_count(l_.info(value).shape)) / kReferenceValuesPerUs;
}

std::vector<GraphCosts::Conv> GraphCosts::convolutions(const tune::ConvWithEnd& conv, const std::string& input) const {
  std::vector<Conv> all;
  size_t usual = 0;
  for (const auto* row : kernels::conv_implementations(l_.precision())) {
    if (row->is_measured_only || !row->reason_against(conv.problem, l_.loops()).empty()) continue;
    auto knobs = row->usual(conv.problem, l_.loops());
    const double us = cycles_us(row->estimate(conv.problem, l_.loops(), knobs));
    all.push_back({{row, std::move(knobs)}, us, false});
    if (us < all[usual].us) usual = all.size() - 1;
  }
  const auto tuned = tuned_ ? tuned_->find(conv) : std::nullopt;
  if (!tuned || tuned->median_us <= 0 || all.empty()) return all;
  // a trial's time has the conversion of its input in it
  const bool comes_plain = tune::comes_plain(conv.problem);
  const double converting = l_.will_be_constant(input) ? 0 : conversions(input).us[comes_plain ? 0 : 1][comes_plain ? 1 : 0];
  const auto without = [&](const kernels::ConvChoice& choice, double us) {
    return std::max(us / 2, us - (choice.implementation->takes_plain_input == comes_plain ? 0 : converting));
  };
  const double scale = tuned->usual_us > 0 && all[usual].us > 0 ? tuned->usual_us / all[usual].us : 1;
  for (size_t i = 0; i < all.size(); ++i) {
    const bool is_measured = i == usual && tuned->usual_us > 0;
    all[i] = {all[i].choice,
              is_measured ? without(all[i].choice, tuned->usual_us) : std::max(all[i].us * scale, without(all[i].choice, tuned->median_us)),
              is_measured};
  }
  std::erase_if(
      all, [&](const Conv& one) { return one.choice.implementation == tuned->choice.implementation && one.choice.knobs == tuned->choice.knobs; });
  all.insert(all.begin(), Conv{tuned->choice, without(tuned->choice, tuned->median_us), true});
  return all;
}

/// Estimated, a chain saves writing and reading what lies between its stages where that is too large for L2, and reads weights that do not
/// stay in L2 once more for each band.
GraphCosts::Chain GraphCosts::chain(const std::vector<Stage>& stages, double separate_us) const {
  tune::ChainOfConvs convs;
  for (const auto& stage : stages) convs.stages.push_back(stage.with_end());
  if (const auto tuned = tuned_ ? tuned_->find(convs) : std::nullopt)
    return {tuned->rows, tuned->kernel, separate_us * tuned->ratio * kMeasuredChainMargin, true};
  const auto problem = chain_problem(stages);
  const int64_t rows = kernels::usual_band_rows(problem, l_.loops(), l_.threads()), out_h = problem.depthwise.problem.out_h(),
                bands = (out_h + rows - 1) / rows;
  int64_t weights = 0;
  for (const auto& stage : stages) weights += static_cast<int64_t>(stage.w.size_bytes());
  const double inner = static_cast<double>(problem.inner_bytes()), saved = problem.inner_bytes() >= least_inner_bytes() ? 2 * inner : 0;
  const double paid = weights > kernels::l2_bytes() / 4 ? static_cast<double>((bands - 1) * weights) : 0;
  return {rows, std::nullopt,
          std::max(kLeastChainShare * separate_us,
                   separate_us + bytes_us(paid - saved) + kBandOverheadUs * static_cast<double>(bands) * static_cast<double>(stages.size())),
          false};
}

std::optional<tune::TunedKernel> GraphCosts::kernel(const Node& node) const {
  const auto problem = tuned_ ? kernel_problem_of(l_, node) : "";
  return problem.empty() ? std::nullopt : tuned_->find_kernel(problem);
}

}  // namespace scissionlite::native
