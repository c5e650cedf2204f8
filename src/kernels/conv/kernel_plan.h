// What a generated kernel computes and how: what the generator reads, and what the engine packs weights and cuts work by. Both sides
// read this file only, so that they agree.
//
// A kernel computes, of one image, a range of output rows times a range of panels of `vectors` output blocks. Its input has no border:
// the caller copies what is padded into a frame of zeros; depthwise kernels, for which a copy costs as much as what they compute, know
// the borders themselves. "Rows" are rows of the image, pixels where a convolution keeps them
// (1x1), tiles of Winograd.
#pragma once

#include "kernels/conv/conv.h"

namespace scissionlite::kernels {

/// Values of the knob "algorithm"; Winograd's are the edge of a tile.
enum GeneratedAlgorithm : int64_t { kGeneratedDirect = 0, kGeneratedIm2col = 1, kGeneratedWinograd2 = 2, kGeneratedDepthwise = 3, kGeneratedWinograd4 = 4, kGeneratedWinograd6 = 6 };

struct KernelPlan {
  ConvProblem problem;
  Knobs knobs;
  std::string target;  // "x86-64-avx2": architecture and VectorLoops::isa

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

  /// What the object says it is: "scissionlite.kernel/1 x86-64-avx2 conv mb1ic... generated algorithm=0 ...".
  [[nodiscard]] std::string identity() const;
  /// Why there is no such kernel, or empty.
  [[nodiscard]] std::string reason_against() const;
};

/// "x86-64-avx2" of this process's architecture.
[[nodiscard]] std::string target_of(const VectorLoops& loops);
/// Lanes of a target. @throws InvalidArgument naming the known ones.
[[nodiscard]] int64_t lanes_of_target(const std::string& target);

/// Why no generated kernel computes the problem, or empty.
[[nodiscard]] std::string reason_against_generating(const ConvProblem& problem);
[[nodiscard]] std::vector<KnobRange> generated_knobs(const ConvProblem& problem, int64_t lanes);
[[nodiscard]] Knobs usual_generated_knobs(const ConvProblem& problem, int64_t lanes);

/// The order in which kernels read weights, zeros where the problem has none:
/// direct, im2col (panels, in_blocks, kernel_h, kernel_w, inputs, vectors, lanes); depthwise (blocks, kernel_h, kernel_w, lanes);
/// Winograd (panels, frequencies, in_blocks, lanes, vectors, lanes). `inputs`: see step_inputs.
/// @param to  packed_kernel_floats zeros.
void pack_for_kernel(const KernelPlan& plan, const float* weights, float* to);
[[nodiscard]] int64_t packed_kernel_floats(const KernelPlan& plan);
/// Input lanes that carry channels: fewer than `lanes` for an image of few.
[[nodiscard]] int64_t step_inputs(const KernelPlan& plan);

}  // namespace scissionlite::kernels
