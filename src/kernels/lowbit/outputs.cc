#include "kernels/lowbit/outputs.h"

namespace scissionlite::kernels {

LowBitOutputs::LowBitOutputs(const Int8Problem& problem, const Int8Weights& weights, const LowBitLoops& loops)
    : problem_(problem), loops_(loops), of_group_(problem.conv.k / problem.conv.groups), vectors_((of_group_ + loops.outputs - 1) / loops.outputs) {
  const auto& p = problem.conv;
  const int64_t padded = vectors_ * loops.outputs, length = p.c / p.groups * p.kernel_h * p.kernel_w;
  const int32_t zero = few_bits_of(problem).zero;
  bias_ = Buffer<int32_t>(p.groups * padded);
  scale_ = Buffer<float>(p.groups * padded);
  for (int64_t k = 0; k < p.k; ++k) {
    uint32_t bias = weights.bias ? static_cast<uint32_t>(weights.bias[k]) : 0;  // sums wrap
    for (int64_t i = 0; i < length; ++i) bias -= static_cast<uint32_t>(zero * weights.w[k * length + i]);
    const int64_t at = k / of_group_ * padded + k % of_group_;
    bias_[at] = static_cast<int32_t>(bias);
    scale_[at] = weights.scale[k];
  }
}

void LowBitOutputs::end(int64_t group, int64_t vector, const int32_t* sums, int64_t pixels, const int32_t* windows, uint8_t* y, int64_t pixel) const {
  const int64_t of_vector = vector * loops_.outputs, at = group * vectors_ * loops_.outputs + of_vector, channel = group * of_group_ + of_vector,
                channels = problem_.conv.k;
  const int bits = problem_.y_plane_bits;
  const int64_t plane_bytes = (channels + 7) / 8, y_pixel = bits > 0 ? bits * plane_bytes : channels;
  loops_.end({.sums = sums,
              .pixels = pixels,
              .channels = std::min<int64_t>(loops_.outputs, of_group_ - of_vector),
              .factor = problem_.w_step,
              .x_factor = problem_.w_least,
              .x_sums = needs_windows() ? windows : nullptr,
              .bias = bias_.data() + at,
              .end = end_of(problem_, scale_.data() + at),
              .y = y + pixel * y_pixel + (bits > 0 ? channel / 8 : channel),
              .y_pixel = y_pixel,
              .y_bits = bits,
              .plane_bytes = plane_bytes});
}

}  // namespace scissionlite::kernels
