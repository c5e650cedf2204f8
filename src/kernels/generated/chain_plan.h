// A generated chain: a depthwise convolution and the 1x1 one behind it as one kernel, band of rows by band of rows, so that what lies
// between them never leaves the cache. First the band's depthwise rows of all channels (or of a part of them) into a buffer, then the 1x1
// from there. Each convolution ends with a clip, the second after a residual.
#pragma once

#include "kernels/conv/chain.h"
#include "kernels/generated/conv_plan.h"

namespace scissionlite::kernels {

struct ChainPlan {
  ConvProblem depthwise, pointwise;
  Knobs knobs;
  std::string target;  // of KernelPlan

  /// "chain conv ... + conv ...".
  [[nodiscard]] std::string text() const;
  [[nodiscard]] KernelPlan plan() const { return {text(), knobs, target}; }
  [[nodiscard]] int64_t lanes() const { return lanes_of_target(target); }
  [[nodiscard]] int64_t knob(const std::string& name) const { return knobs.at(name); }
  /// Of what lies between: input blocks of the one convolution, and of the other.
  [[nodiscard]] int64_t blocks() const;
  /// The 1x1 by itself, whose weights lie as a direct convolution's.
  [[nodiscard]] ConvPlan second() const;
};

/// What a call of a kernel is given; generate/shim_chain.cc writes the same structure in C.
/// y = clip(bias + residual + w * clip(filter_bias + depthwise(x), filter_low, filter_high), low, high) at rows [row, row + rows), from
/// the blocks [block, block + blocks) of what lies between: of several calls for parts of them, all but the first add to y, given as the
/// residual.
struct ChainCall {
  const float* x = nullptr;            // of the whole image
  const float* filter_w = nullptr;     // (blocks, kernel_h, kernel_w, lanes)
  const float* filter_bias = nullptr;  // (blocks, lanes), never null
  const float* w = nullptr;            // as pack_for_kernel packs those of second()
  const float* bias = nullptr;         // (blocks, lanes), never null
  const float* residual = nullptr;     // as y, or null
  float* y = nullptr;                  // of the whole image
  float filter_low = 0, filter_high = 0, low = 0, high = 0;
  int64_t row = 0, rows = 0, block = 0, blocks = 0;
};

/// Of a generic plan. @throws InvalidArgument when its problem is no pair of convolutions.
[[nodiscard]] ChainPlan chain_plan(const KernelPlan& plan);

/// The chain as a problem of generated kernels; empty where none can compute it: it needs a depthwise and a 1x1 convolution, and
/// activations that clip.
[[nodiscard]] std::string generated_problem(const ChainProblem& chain);

}  // namespace scissionlite::kernels
