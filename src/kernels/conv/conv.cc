#include "kernels/conv/conv.h"

#include <limits>

#include "base/text.h"

namespace scissionlite::kernels {

#define SCISSIONLITE_CONV(name) extern const ConvImplementation k_conv_##name;
#include "kernels/conv/conv.inc"
#undef SCISSIONLITE_CONV

std::string ConvProblem::text() const {
  const auto part = [](const char* name, int64_t value) { return name + std::to_string(value); };
  return "conv " + part("mb", n) + part("ic", c) + part("ih", h) + part("iw", w) + part("oc", k) + part("kh", kernel_h) + part("kw", kernel_w) +
         part("sh", stride_h) + part("sw", stride_w) + part("dh", dilation_h) + part("dw", dilation_w) + part("pt", top) + part("pl", left) +
         part("pb", bottom) + part("pr", right) + part("g", groups) + (is_two_four ? "sparse24" : "");
}

std::string ConvProblem::weights_text() const {
  return "k" + std::to_string(k) + " c" + std::to_string(c / groups) + " " + std::to_string(kernel_h) + "x" + std::to_string(kernel_w) + " g" +
         std::to_string(groups);
}

std::string text_of(const Knobs& knobs) {
  std::string text;
  for (const auto& [name, value] : knobs) text += (text.empty() ? "" : " ") + name + "=" + std::to_string(value);
  return text;
}

std::string describe(const std::string& implementation, const Knobs& knobs) {
  return knobs.empty() ? implementation : implementation + " " + text_of(knobs);
}

const std::vector<const ConvImplementation*>& conv_implementations(Precision precision) {
  static const std::vector<const ConvImplementation*> table{
#define SCISSIONLITE_CONV(name) &k_conv_##name,
#include "kernels/conv/conv.inc"
#undef SCISSIONLITE_CONV
  };
  static const auto of_f32 = [] {
    auto rows = table;
    std::erase_if(rows, [](const ConvImplementation* row) { return row->precision != Precision::kF32; });
    return rows;
  }();
  return precision == Precision::kF32 ? of_f32 : table;
}

const ConvImplementation& conv_implementation(const std::string& name) {
  std::vector<std::string> names;
  for (const auto* row : conv_implementations(Precision::kBf16)) {
    if (name == row->name) return *row;
    names.emplace_back(row->name);
  }
  throw InvalidArgument("[kernels] unknown convolution '" + name + "'" + did_you_mean(name, names));
}

ConvChoice usual_conv(const ConvProblem& problem, const VectorLoops& loops, Precision precision) {
  ConvChoice best;
  double least = std::numeric_limits<double>::infinity();
  std::string reasons;
  for (const auto* row : conv_implementations(precision)) {
    if (row->is_measured_only) continue;
    if (const auto reason = row->reason_against(problem, loops); !reason.empty()) {
      reasons += (reasons.empty() ? "" : "; ") + std::string(row->name) + ": " + reason;
      continue;
    }
    const auto knobs = row->usual(problem, loops);
    const double cycles = row->estimate(problem, loops, knobs);
    if (cycles < least) best = {row, knobs}, least = cycles;
  }
  if (!best.implementation) throw Unsupported("[kernels] nothing computes " + problem.text() + " (" + reasons + ")");
  return best;
}

}  // namespace scissionlite::kernels
