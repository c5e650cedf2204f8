// A generated convolution: what the generator reads, and what the engine packs weights and cuts work by.
//
// A kernel computes, of one image, a range of output rows times a range of panels of `vectors` output blocks. Its input has no border:
// the caller copies what is padded into a frame of zeros; depthwise kernels, for which a copy costs as much as what they compute, know
// the borders themselves. "Rows" are rows of the image, pixels where a convolution keeps them
// (1x1), tiles of Winograd.
#pragma once

#include "kernels/generated/kernel_plan.h"

namespace scissionlite::kernels {

/// Values of the knob "algorithm"; Winograd's are the edge of a tile.
enum GeneratedAlgorithm : int64_t {
  kGeneratedDirect = 0,
  kGeneratedIm2col = 1,
  kGeneratedWinograd2 = 2,
  kGeneratedDepthwise = 3,
  kGeneratedWinograd4 = 4,
  kGeneratedWinograd6 = 6
};

struct ConvPlan {
  ConvProblem problem;
  Knobs knobs;
  std::string target;  // of KernelPlan

  [[nodiscard]] KernelPlan plan() const { return {problem.text(), knobs, target}; }
  [[nodiscard]] int64_t lanes() const;
  [[nodiscard]] int64_t knob(const std::string& name) const { return knobs.at(name); }
  [[nodiscard]] int64_t winograd_edge() const { return knob("algorithm") >= 2 && knob("algorithm") != kGeneratedDepthwise ? knob("algorithm") : 0; }
  [[nodiscard]] bool is_depthwise() const { return knob("algorithm") == kGeneratedDepthwise; }
  [[nodiscard]] bool is_flat() const { return problem.keeps_pixels() && knob("algorithm") == kGeneratedDirect; }
  [[nodiscard]] int64_t in_blocks() const;
  [[nodiscard]] int64_t out_blocks() const;
  [[nodiscard]] int64_t panels() const { return out_blocks() / knob("vectors"); }
  /// Of the image as the kernel reads it; Winograd's reaches to the end of the last tile.
  [[nodiscard]] int64_t frame_height() const;
  [[nodiscard]] int64_t frame_width() const;
  [[nodiscard]] bool has_frame() const { return frame_height() != problem.h || frame_width() != problem.w; }
  [[nodiscard]] int64_t tiles_across() const;
  [[nodiscard]] int64_t rows() const;
  /// Outputs that a register tile is cut from: of a row, or all.
  [[nodiscard]] int64_t run_width() const;
  /// Rows of one call are a multiple of this where there are so many.
  [[nodiscard]] int64_t row_step() const;

  [[nodiscard]] std::string identity() const { return plan().identity(); }
  /// Why there is no such kernel, or empty.
  [[nodiscard]] std::string reason_against() const;
  /// The same of knobs that are all in their ranges.
  [[nodiscard]] std::string reason_against_knobs() const;
};

/// What a call of a kernel is given; generate/shim_conv.cc writes the same structure in C. Offsets and strides in floats.
/// y = clip(bias + residual + convolution, low, high) at rows [row, row + rows) of panels [panel, panel + panels), from input blocks
/// [block, block + blocks): of several calls for parts of the input, all but the first add to y, given as the residual.
struct ConvCall {
  const float* x = nullptr;  // pixel 0 of row x_row of the kernel's first input block
  int64_t x_row = 0, x_block = 0, x_block_stride = 0;
  const float* w = nullptr;         // as pack_for_kernel packs them
  const float* bias = nullptr;      // (blocks, lanes), never null
  const float* residual = nullptr;  // as y, or null
  float* y = nullptr;               // of the whole image
  float low = 0, high = 0;
  int64_t row = 0, rows = 0, panel = 0, panels = 0, block = 0, blocks = 0;
};

/// Of a generic plan. @throws InvalidArgument when its problem is no convolution.
[[nodiscard]] ConvPlan conv_plan(const KernelPlan& plan);

/// Why no generated kernel computes the problem, or empty.
[[nodiscard]] std::string reason_against_generating(const ConvProblem& problem);
[[nodiscard]] std::vector<KnobRange> generated_knobs(const ConvProblem& problem, int64_t lanes);
[[nodiscard]] Knobs usual_generated_knobs(const ConvProblem& problem, int64_t lanes);

/// The order in which kernels read weights, zeros where the problem has none:
/// direct, im2col (panels, in_blocks, kernel_h, kernel_w, inputs, vectors, lanes); depthwise (blocks, kernel_h, kernel_w, lanes);
/// Winograd (panels, frequencies, in_blocks, lanes, vectors, lanes). `inputs`: see step_inputs.
/// @param to  packed_kernel_floats zeros.
void pack_for_kernel(const ConvPlan& plan, const float* weights, float* to);
[[nodiscard]] int64_t packed_kernel_floats(const ConvPlan& plan);
/// Input lanes that carry channels: fewer than `lanes` for an image of few.
[[nodiscard]] int64_t step_inputs(const ConvPlan& plan);

}  // namespace scissionlite::kernels
