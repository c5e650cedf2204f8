// Depthwise convolution, whose gradient of the weights is our own, beside libtorch's.
#include <gtest/gtest.h>

#include "train/op/depthwise.h"
#include "train/tensors/torch.h"

namespace scissionlite::train::op {
namespace {

struct Case {
  int64_t images, channels, height, width, taps, stride, pad, dilation;
};

ops::Window window_of(const Case& one) {
  const std::vector<int64_t> strides(2, one.stride), pads(2, one.pad), dilations(2, one.dilation);
  return {{one.taps, one.taps}, strides, dilations, pads, pads};
}

/// Gradients of x, weights and bias for a sum of outputs that weigh differently.
std::vector<torch::Tensor> gradients(const Case& one, bool ours) {
  torch::manual_seed(7);
  const auto last = torch::randn({one.images, one.channels, one.height, one.width}).contiguous(at::MemoryFormat::ChannelsLast);
  const auto x = last.requires_grad_(), w = torch::randn({one.channels, 1, one.taps, one.taps}).requires_grad_(),
             bias = torch::randn({one.channels}).requires_grad_();
  const auto window = window_of(one);
  EXPECT_TRUE(is_depthwise(x, w, window, one.channels));
  const auto y = ours ? depthwise_convolution(x, w, bias, window)
                      : at::convolution(x, w, bias, window.strides, window.pads_begin, window.dilations, false, {0, 0}, one.channels);
  (y * torch::randn_like(y)).sum().backward();
  return {x.grad(), w.grad(), bias.grad(), y.detach()};
}

TEST(Depthwise, GradientsAreThoseOfLibtorch) {
  const std::vector<Case> cases{{2, 24, 9, 11, 3, 1, 1, 1}, {3, 16, 10, 7, 5, 2, 2, 1}, {1, 8, 14, 14, 7, 1, 3, 1}, {2, 21, 8, 9, 3, 2, 1, 1},
                                {5, 13, 6, 6, 5, 1, 0, 1},  {2, 40, 5, 4, 7, 2, 3, 1},  {1, 3, 12, 12, 3, 1, 2, 2}, {2, 17, 13, 9, 5, 3, 4, 2},
                                {4, 8, 1, 1, 3, 1, 1, 1},   {2, 9, 3, 2, 7, 1, 6, 1}};
  for (const auto& one : cases) {
    const auto ours = gradients(one, true), theirs = gradients(one, false);
    for (size_t i = 0; i < ours.size(); ++i) {
      SCOPED_TRACE(std::to_string(i) + " of " + std::to_string(one.channels) + " channels, " + std::to_string(one.taps) + " taps, stride " +
                   std::to_string(one.stride));
      ASSERT_EQ(ours[i].sizes(), theirs[i].sizes());
      EXPECT_TRUE(at::allclose(ours[i], theirs[i], 1e-4, 1e-4)) << (ours[i] - theirs[i]).abs().max();
    }
  }
}

TEST(Depthwise, FrozenInputsAndWeightsGetNone) {
  const Case one{2, 16, 6, 6, 3, 1, 1, 1};
  const auto x = torch::randn({2, 16, 6, 6}), w = torch::randn({16, 1, 3, 3}).requires_grad_();
  depthwise_convolution(x, w, c10::nullopt, window_of(one)).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_TRUE(w.grad().defined());
  const auto frozen = torch::randn({16}), moved = torch::randn({2, 16, 6, 6}).requires_grad_();
  depthwise_convolution(moved, w, frozen, window_of(one)).sum().backward();
  EXPECT_TRUE(moved.grad().defined());
  EXPECT_FALSE(frozen.grad().defined());
}

TEST(Depthwise, OthersAreLeftToLibtorch) {
  const auto x = torch::randn({1, 8, 6, 6});
  const Case one{1, 8, 6, 6, 3, 1, 1, 1};
  EXPECT_FALSE(is_depthwise(x, torch::randn({16, 1, 3, 3}), window_of(one), 8));  // two outputs a channel
  EXPECT_FALSE(is_depthwise(x, torch::randn({8, 8, 3, 3}), window_of(one), 1));
  EXPECT_FALSE(is_depthwise(x.to(torch::kDouble), torch::randn({8, 1, 3, 3}), window_of(one), 8));
  EXPECT_FALSE(is_depthwise(x, torch::randn({8, 1, 3, 5}), window_of(one), 8));
  EXPECT_FALSE(is_depthwise(x, torch::randn({8, 1, 9, 9}), window_of(one), 8));
  auto uneven = window_of(one);
  uneven.strides = {1, 2};
  EXPECT_FALSE(is_depthwise(x, torch::randn({8, 1, 3, 3}), uneven, 8));
}

}  // namespace
}  // namespace scissionlite::train::op
