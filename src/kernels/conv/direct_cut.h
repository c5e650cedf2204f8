// How a direct convolution is cut: the frame that its input is read from, runs of output pixels in a row, chunks of runs.
#pragma once

#include <vector>

#include "kernels/conv/panels.h"

namespace scissionlite::kernels {

/// The image as steps read it: blocked, or, with a plain input, all channels of a pixel together, so that a row of the kernel is one
/// run of values. Where every output pixel depends on the input pixel in its place only, all pixels are one row.
struct DirectImage {
  bool is_plain = false;
  int64_t unit = 0;  // floats of a pixel
  int64_t blocks = 0;
  int64_t height = 0, width = 0;  // without pads
  int64_t out_height = 0, out_width = 0;
  int64_t step_taps = 1;  // taps of a step
  [[nodiscard]] int64_t step_inputs() const { return step_taps * unit; }
  [[nodiscard]] int64_t floats() const { return blocks * height * width * unit; }
};
[[nodiscard]] DirectImage direct_image(const ConvProblem& p, const VectorLoops& loops, bool is_plain);

/// Steps of all input blocks: what a panel of an ungrouped convolution sums up.
[[nodiscard]] inline int64_t direct_steps(const ConvProblem& p, const DirectImage& image) {
  return image.blocks * p.kernel_h * p.kernel_w / image.step_taps;
}

/// Part of the padded image, in pixels.
struct DirectWindow {
  int64_t row = 0, column = 0, rows = 0, columns = 0;
};

struct DirectRun {
  int64_t x = 0, y = 0, pixels = 0;  // floats from the frame's begin, first output pixel
};
struct DirectChunk {
  size_t begin = 0, end = 0;  // of runs
  DirectWindow window;        // that its runs read
};

struct DirectCut {
  bool is_framed = false;       // the input is copied: steps read the frame
  bool is_by_chunk = false;     // a frame holds a chunk's window, else all of the padded image
  int64_t rows = 0, width = 0;  // of the frame, in pixels; of the image where there is none
  std::vector<DirectRun> runs;
  std::vector<DirectChunk> chunks;
};

/// Chunks of about `pixels`; rows longer than that are cut into equal runs.
[[nodiscard]] DirectCut cut_direct(const ConvProblem& p, const DirectImage& image, int64_t pixels, bool is_by_chunk);

/// How many runs a row has, and how many of them a chunk.
struct DirectRuns {
  int64_t a_row = 1, a_chunk = 1;
};
[[nodiscard]] DirectRuns direct_runs(const DirectImage& image, int64_t pixels);

/// Fills rows [first, end) of a frame, counted over all blocks, from an image x.
void fill_frame(const ConvProblem& p, const DirectImage& image, const DirectCut& cut, const DirectWindow& window, const float* x, float* frame,
                int64_t first, int64_t end);

}  // namespace scissionlite::kernels
