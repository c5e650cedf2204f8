#include "kernels/lowbit/input_rows.h"

namespace scissionlite::kernels {

InputRows::InputRows(const Int8Problem& problem, int64_t most_columns, int64_t out_rows) : problem_(problem), x_(few_bits_of(problem)) {
  const auto& p = problem.conv;
  const int64_t most = std::min(most_columns, p.out_w());
  blocks_ = (p.out_w() + most - 1) / most;
  columns_ = (p.out_w() + blocks_ - 1) / blocks_;
  pixels_ = pixels_of(p, columns_);
  slots_ = (out_rows - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1;
}

Int8Problem InputRows::in_one_row(Int8Problem problem) {
  auto& p = problem.conv;
  if (p.keeps_pixels()) p.w = p.n * p.h * p.w, p.n = p.h = 1;
  return problem;
}

int64_t InputRows::pixels_of(const ConvProblem& p, int64_t columns) {
  return (columns - 1) * (p.kernel_w == 1 ? 1 : p.stride_w) + (p.kernel_w - 1) * p.dilation_w + 1;
}

void InputRows::make_planes(const LowBitLoops& loops, const uint8_t* x, int64_t block, int64_t row, int64_t channel, int64_t channels,
                            const PlanesPlace& to) const {
  const auto& p = problem_.conv;
  const int64_t image = block / blocks_, h = row - p.top, step = p.kernel_w == 1 ? p.stride_w : 1, first = first_column(block) * p.stride_w - p.left;
  // [from, end) of the pixels lie in the image
  const auto within = [&](int64_t w) { return std::clamp<int64_t>(w <= 0 ? 0 : (w + step - 1) / step, 0, pixels_); };
  const int64_t from = h < 0 || h >= p.h ? pixels_ : within(-first), end = h < 0 || h >= p.h ? pixels_ : std::max(from, within(p.w - first));
  pad_planes(channels, 0, from, to);
  if (problem_.has_x_planes)
    copy_planes(x, (image * p.h + h) * p.w + first + from * step, step, channel, channels, end - from,
                {to.first + from * to.pixel, to.pixel, to.plane});
  else if (from < end)
    loops.pack_planes({.x = x + ((image * p.h + h) * p.w + first + from * step) * p.c + channel,
                       .x_pixel = step * p.c,
                       .pixels = end - from,
                       .channels = channels,
                       .turned = x_.turned,
                       .least = x_.least,
                       .bits = x_.bits,
                       .planes = to.first + from * to.pixel,
                       .planes_pixel = to.pixel,
                       .plane_bytes = to.plane});
  pad_planes(channels, end, pixels_, to);
}

/// Of pixels `first`, `first` + `step`, ... of an image that lies in planes; the channels begin with a byte.
void InputRows::copy_planes(const uint8_t* x, int64_t first, int64_t step, int64_t channel, int64_t channels, int64_t pixels,
                            const PlanesPlace& to) const {
  const int64_t of_image = (problem_.conv.c + 7) / 8, bytes = (channels + 7) / 8;
  for (int64_t i = 0; i < pixels; ++i)
    for (int s = 0; s < x_.bits; ++s)
      std::copy_n(x + ((first + i * step) * x_.bits + s) * of_image + channel / 8, bytes, to.first + i * to.pixel + s * to.plane);
}

/// Pixels outside the image stand for 0.
void InputRows::pad_planes(int64_t channels, int64_t from, int64_t to, const PlanesPlace& place) const {
  const int64_t bytes = (channels + 7) / 8;
  for (int64_t i = from; i < to; ++i)
    for (int s = 0; s < x_.bits; ++s) {
      auto* const plane = place.first + i * place.pixel + s * place.plane;
      const bool is_set = (x_.zero >> s & 1) != 0;
      std::fill_n(plane, bytes, is_set ? uint8_t{0xFF} : uint8_t{0});
      if (is_set && channels % 8 != 0) plane[bytes - 1] = static_cast<uint8_t>((1 << (channels % 8)) - 1);
    }
}

void InputRows::sum_windows(const int32_t* x_sums, int64_t group, int64_t out_row, int64_t columns, int32_t* sums) const {
  const auto& p = problem_.conv;
  std::fill_n(sums, columns, 0);
  for (int64_t i = 0; i < p.kernel_h; ++i) {
    const int32_t* const of_row = x_sums + slot_of(out_row, i) * pixels_ * p.groups + group;
    for (int64_t j = 0; j < p.kernel_w; ++j) {
      const int32_t* const from = of_row + j * p.dilation_w * p.groups;
      const int64_t step = pixel_step() * p.groups;
      if (step == 1)
        for (int64_t column = 0; column < columns; ++column) sums[column] += from[column];
      else
        for (int64_t column = 0; column < columns; ++column) sums[column] += from[column * step];
    }
  }
}

}  // namespace scissionlite::kernels
