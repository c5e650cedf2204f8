#include "train/op/fake_quantize_whole.h"

namespace scissionlite::train::op {
namespace {

struct WholeTensors {
  torch::Tensor in_steps, codes;
  WholeTensors(const torch::Tensor& x, const torch::Tensor& step, const Codes& range, int64_t axis) : in_steps(x / along_axis(x, step, axis)) {
    codes = range.is_odd ? (in_steps / 2).clamp_((range.low - 1) / 2, (range.high - 1) / 2) : in_steps.clamp(range.low, range.high);
    if (!range.is_odd) {
      codes.round_();
      return;
    }
    const auto rounded = codes.round();
    codes = (rounded - rounded.gt(codes).to(rounded.scalar_type())).mul_(2).add_(1);
  }
  static torch::Tensor along_axis(const torch::Tensor& x, const torch::Tensor& step, int64_t axis) {
    if (step.numel() == 1) return step.reshape(std::vector<int64_t>{});
    std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
    shape[static_cast<size_t>(axis)] = step.numel();
    return step.view(shape);
  }
};

}  // namespace

torch::Tensor quantised_as_a_whole(const torch::Tensor& x, const torch::Tensor& step, const Codes& range, int64_t axis) {
  return WholeTensors(x, step, range, axis).codes.mul_(WholeTensors::along_axis(x, step, axis));
}

std::pair<torch::Tensor, torch::Tensor> gradients_as_a_whole(const torch::Tensor& x, const torch::Tensor& gradient, const torch::Tensor& step,
                                                             const Codes& range, int64_t axis) {
  const WholeTensors whole(x, step, range, axis);
  const auto is_inside =
      whole.in_steps.ge(range.is_odd ? range.low - 1 : range.low).logical_and_(whole.in_steps.le(range.is_odd ? range.high + 1 : range.high));
  auto of_x = gradient * is_inside;
  const auto parts = (gradient * whole.codes).sub_(of_x * whole.in_steps);
  if (step.numel() == 1) return {of_x, parts.sum().view(step.sizes())};
  std::vector<int64_t> others;
  for (int64_t d = 0; d < x.dim(); ++d)
    if (d != axis) others.push_back(d);
  return {of_x, others.empty() ? parts : parts.sum(others)};
}

}  // namespace scissionlite::train::op
