#include "kernels/conv/direct_cut.h"

#include <algorithm>
#include <cstring>

namespace scissionlite::kernels {
namespace {

DirectWindow window_of(const ConvProblem& p, const DirectImage& image, const std::vector<DirectRun>& runs, const DirectChunk& chunk) {
  const auto &first = runs[chunk.begin], &last = runs[chunk.end - 1];
  const int64_t row = first.y / image.out_width, last_row = last.y / image.out_width, reach_h = (p.kernel_h - 1) * p.dilation_h + 1,
                reach_w = (p.kernel_w - 1) * p.dilation_w + 1;
  DirectWindow window{row * p.stride_h, 0, (last_row - row) * p.stride_h + reach_h, (image.out_width - 1) * p.stride_w + reach_w};
  if (row != last_row) return window;
  const int64_t column = first.y % image.out_width, columns = last.y + last.pixels - first.y;
  window.column = column * p.stride_w;
  window.columns = (columns - 1) * p.stride_w + reach_w;
  return window;
}

/// Pixels [first, first + columns) of a row of a block, of which the image has [0, width).
void fill_row(const DirectImage& image, const float* x, int64_t block, int64_t row, int64_t first, int64_t columns, float* to) {
  const int64_t begin = std::clamp<int64_t>(-first, 0, columns), end = std::clamp<int64_t>(image.width - first, begin, columns), unit = image.unit;
  const auto bytes = [&](int64_t pixels) { return static_cast<size_t>(pixels * unit) * sizeof(float); };
  std::memset(to, 0, bytes(begin));
  if (!image.is_plain) std::memcpy(to + begin * unit, x + ((block * image.height + row) * image.width + first + begin) * unit, bytes(end - begin));
  else
    for (int64_t c = 0; c < unit; ++c) {
      const float* from = x + (c * image.height + row) * image.width;
      for (int64_t column = begin; column < end; ++column) to[column * unit + c] = from[first + column];
    }
  std::memset(to + end * unit, 0, bytes(columns - end));
}

}  // namespace

DirectImage direct_image(const ConvProblem& p, const VectorLoops& loops, bool is_plain) {
  DirectImage image{.is_plain = is_plain,
                    .unit = is_plain ? p.c : loops.lanes,
                    .blocks = is_plain ? 1 : blocks_of(p.c, loops.lanes),
                    .height = p.h,
                    .width = p.w,
                    .out_height = p.out_h(),
                    .out_width = p.out_w()};
  if (is_plain && p.dilation_w == 1) image.step_taps = p.kernel_w;
  if (p.keeps_pixels()) image.width *= image.height, image.out_width *= image.out_height, image.height = image.out_height = 1;
  return image;
}

DirectRuns direct_runs(const DirectImage& image, int64_t pixels) {
  const int64_t a_row = (image.out_width + pixels - 1) / pixels;
  return {a_row, a_row > 1 ? 1 : std::min(image.out_height, pixels / image.out_width)};
}

DirectCut cut_direct(const ConvProblem& p, const DirectImage& image, int64_t pixels, bool is_by_chunk) {
  DirectCut cut;
  const auto count = direct_runs(image, pixels);
  for (int64_t row = 0, open = 0; row < image.out_height; ++row)
    for (int64_t i = 0, first = 0; i < count.a_row; ++i, ++open) {
      const int64_t size = (image.out_width - first) / (count.a_row - i);
      if (open % count.a_chunk == 0) cut.chunks.push_back({cut.runs.size(), cut.runs.size(), {}});
      cut.runs.push_back({0, row * image.out_width + first, size});
      cut.chunks.back().end = cut.runs.size();
      first += size;
    }
  cut.is_by_chunk = is_by_chunk;
  cut.is_framed = is_by_chunk || image.is_plain || p.is_padded();
  const DirectWindow whole{0, 0, image.height + p.top + p.bottom, image.width + p.left + p.right};
  for (auto& chunk : cut.chunks) {
    chunk.window = is_by_chunk ? window_of(p, image, cut.runs, chunk) : whole;
    cut.rows = std::max(cut.rows, chunk.window.rows);
    cut.width = std::max(cut.width, chunk.window.columns);
  }
  for (const auto& chunk : cut.chunks)
    for (size_t i = chunk.begin; i < chunk.end; ++i) {
      const int64_t row = cut.runs[i].y / image.out_width * p.stride_h - chunk.window.row,
                    column = cut.runs[i].y % image.out_width * p.stride_w - chunk.window.column;
      cut.runs[i].x = (row * cut.width + column) * image.unit;
    }
  return cut;
}

void fill_frame(const ConvProblem& p, const DirectImage& image, const DirectCut& cut, const DirectWindow& window, const float* x, float* frame,
                int64_t first, int64_t end) {
  for (int64_t i = first; i < end; ++i) {
    const int64_t block = i / window.rows, row = i % window.rows;
    float* to = frame + (block * cut.rows + row) * cut.width * image.unit;
    const int64_t at = window.row + row - p.top;
    if (at < 0 || at >= image.height) std::memset(to, 0, static_cast<size_t>(window.columns * image.unit) * sizeof(float));
    else fill_row(image, x, block, at, window.column - p.left, window.columns, to);
  }
}

}  // namespace scissionlite::kernels
