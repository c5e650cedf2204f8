// Convolutions: what is asked (ConvProblem), and every way to do it (conv.inc).
//
// A way to do it is a row of the table: whether it can, its knobs, and a function that packs the weights and gives a Convolution.
// Start here, then direct.cc.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/packed.h"
#include "kernels/precision.h"
#include "kernels/vector/arguments.h"

namespace scissionlite::kernels {

/// Two-dimensional, n images of c channels to k channels; pads may differ by side.
struct ConvProblem {
  int64_t n = 1, c = 1, h = 1, w = 1, k = 1;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t top = 0, left = 0, bottom = 0, right = 0;
  int64_t groups = 1;
  bool is_two_four = false;  // weights of one group: of every four consecutive input channels each output reads two at most by each tap of the kernel

  [[nodiscard]] int64_t out_h() const { return (h + top + bottom - (kernel_h - 1) * dilation_h - 1) / stride_h + 1; }
  [[nodiscard]] int64_t out_w() const { return (w + left + right - (kernel_w - 1) * dilation_w - 1) / stride_w + 1; }
  [[nodiscard]] bool is_padded() const { return top || left || bottom || right; }
  /// Each output pixel depends on the input pixel in its place only.
  [[nodiscard]] bool keeps_pixels() const { return kernel_h == 1 && kernel_w == 1 && stride_h == 1 && stride_w == 1 && !is_padded(); }
  [[nodiscard]] bool is_pointwise() const { return keeps_pixels() && groups == 1; }
  [[nodiscard]] bool is_depthwise() const { return groups == c && k == c && groups > 1; }
  [[nodiscard]] int64_t macs() const { return n * k * out_h() * out_w() * (c / groups) * kernel_h * kernel_w; }
  /// "conv mb1ic64ih56iw56oc64kh3kw3sh1sw1dh1dw1pt1pl1pb1pr1g1", and "sparse24" behind it where weights are 2:4.
  [[nodiscard]] std::string text() const;
  /// What the weights' order depends on of the problem: "k64 c32 3x3 g1", for the layout of packed weights.
  [[nodiscard]] std::string weights_text() const;
  bool operator==(const ConvProblem&) const = default;
};
/// The inverse of ConvProblem::text(). "ph3pw3" stands for equal pads on both sides; what is left out is as in ConvProblem, and width as
/// height. @throws InvalidArgument with the position of what was not understood.
[[nodiscard]] ConvProblem parse_problem(const std::string& text);
/// The same of a text that begins with another word: `prefix`, its space included. @param example  a whole text, for messages.
[[nodiscard]] ConvProblem parse_problem(const std::string& text, const std::string& prefix, const std::string& example);

/// Weights as ONNX has them: (k, c / groups, kernel_h, kernel_w) and (k) or null. Read while packing only; w within `source.packed`'s
/// fill function only, as it is null where weights come packed.
struct ConvWeights {
  const float* w = nullptr;
  const float* bias = nullptr;
  WeightSource source = {};  // of w
};

/// What is done with each output value before it is stored: f(value + bias + residual).
struct ConvEnd {
  bool has_residual = false;
  ActivationArguments activation;
};

/// Values of an implementation's knobs by name.
using Knobs = std::map<std::string, int64_t>;
/// "m=4 tiles=12".
[[nodiscard]] std::string text_of(const Knobs& knobs);
/// The inverse of text_of. @throws InvalidArgument naming the word that was not understood.
[[nodiscard]] Knobs parse_knobs(const std::string& text);
/// "winograd m=4 tiles=12".
[[nodiscard]] std::string describe(const std::string& implementation, const Knobs& knobs);
struct KnobRange {
  std::string name;
  std::vector<int64_t> values;
};

/// Numbers that decide what is done: knobs with the same numbers do the same.
using KnobEffect = std::vector<int64_t>;

/// A convolution with packed weights. Immutable: any number of threads may run it.
class Convolution {
 public:
  virtual ~Convolution() = default;
  /// Whether x is (n, c, h, w) as it is; else x is blocked. y and the residual are blocked.
  [[nodiscard]] virtual bool takes_plain_input() const { return false; }
  /// Floats of working memory.
  [[nodiscard]] virtual int64_t scratch_floats(int threads) const { return 0; }
  [[nodiscard]] virtual int64_t packed_bytes() const = 0;
  virtual void run(const float* x, const float* residual, float* y, float* scratch, int threads) const = 0;
};

struct ConvImplementation {
  const char* name;
  const char* summary;
  /// Why it cannot, or empty.
  std::string (*reason_against)(const ConvProblem&, const VectorLoops&);
  /// What may be set, most important first.
  std::vector<KnobRange> (*knobs)(const ConvProblem&, const VectorLoops&);
  /// What is taken when nothing was measured.
  Knobs (*usual)(const ConvProblem&, const VectorLoops&);
  /// Estimated cycles of one thread with these knobs: for a first choice only.
  double (*estimate)(const ConvProblem&, const VectorLoops&, const Knobs&);
  std::unique_ptr<Convolution> (*make)(const ConvProblem&, const ConvWeights&, const ConvEnd&, const Knobs&, const VectorLoops&);
  /// Taken where it was measured to win only: `usual_conv` does not consider it.
  bool is_measured_only = false;
  /// Null: each setting of the knobs does something else.
  KnobEffect (*effect)(const ConvProblem&, const VectorLoops&, const Knobs&) = nullptr;
  /// Whether these knobs go together; null: all do.
  bool (*can)(const ConvProblem&, const VectorLoops&, const Knobs&) = nullptr;
  /// What Convolution::takes_plain_input says of all it makes.
  bool takes_plain_input = false;
  /// Of bf16 it is taken only where that may be.
  Precision precision = Precision::kF32;
};

/// Those of the table that may compute what is asked for in that precision, in order of conv.inc.
[[nodiscard]] const std::vector<const ConvImplementation*>& conv_implementations(Precision precision = Precision::kF32);
/// @throws InvalidArgument naming the known ones.
[[nodiscard]] const ConvImplementation& conv_implementation(const std::string& name);

/// An implementation with its knobs.
struct ConvChoice {
  const ConvImplementation* implementation = nullptr;
  Knobs knobs;
};
/// The one with the least estimate. @throws Unsupported with every implementation's reason when none can.
[[nodiscard]] ConvChoice usual_conv(const ConvProblem&, const VectorLoops&, Precision precision = Precision::kF32);

}  // namespace scissionlite::kernels
