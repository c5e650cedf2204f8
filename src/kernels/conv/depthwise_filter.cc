#include "kernels/conv/depthwise_filter.h"

namespace scissionlite::kernels {

void pack_depthwise(int64_t channels, int64_t taps, int64_t lanes, const float* w, float* to) {
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t tap = 0; tap < taps; ++tap) to[(c / lanes * taps + tap) * lanes + c % lanes] = w[c * taps + tap];
}

DepthwiseFilter::DepthwiseFilter(const ConvProblem& p, const ConvWeights& weights, const ActivationArguments& activation, const VectorLoops& loops)
    : problem_(p), activation_(activation), loops_(loops), bias_(padded_bias(weights.bias, p.k, loops.lanes)) {
  const int64_t taps = p.kernel_h * p.kernel_w, lanes = loops.lanes;
  weights_ = weights.source.packed<float>("depthwise l" + std::to_string(lanes) + " " + p.weights_text(), round_up(p.c, lanes) * taps,
                                          [&](float* to) { pack_depthwise(p.c, taps, lanes, weights.w, to); });
}

void DepthwiseFilter::run_rows(int64_t block, Range rows, const float* x, float* y, const float* residual) const {
  DepthwiseRowArguments a;
  a.x = x;
  a.height = problem_.h;
  a.width = problem_.w;
  a.w = weights_.data() + block * problem_.kernel_h * problem_.kernel_w * loops_.lanes;
  a.kernel_h = problem_.kernel_h;
  a.kernel_w = problem_.kernel_w;
  a.stride_w = problem_.stride_w;
  a.dilation_h = problem_.dilation_h;
  a.stride_h = problem_.stride_h;
  a.dilation_w = problem_.dilation_w;
  a.left = problem_.left;
  a.y = y;
  a.out_width = problem_.out_w();
  a.residual = residual;
  a.bias = bias_.size() > 0 ? bias_.data() + block * loops_.lanes : nullptr;
  a.activation = activation_;
  const int64_t out_row = a.out_width * loops_.lanes;
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    a.row = row * problem_.stride_h - problem_.top;
    loops_.depthwise_row(a);
    a.y += out_row;
    if (residual) a.residual += out_row;
  }
}

}  // namespace scissionlite::kernels
