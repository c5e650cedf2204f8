// FakeQuantize and RoundOffset of our own domain: the value that a code stands for, with the gradients of learned step sizes, and biases as the
// integers that are written. They are in graphs that are trained only.
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "train/op/fake_quantize_loops.h"
#include "train/op/fake_quantize_whole.h"
#include "train/op/support.h"

namespace scissionlite::train::op {

namespace {

constexpr int64_t kRun = 1 << 14;  // values that one sum of gradients is over, whatever the number of threads

/// The tensor as runs of neighbours with one step each: run r has step r % steps.
struct Runs {
  int64_t count, length, steps, size;
  Runs(const torch::Tensor& x, const torch::Tensor& step, int64_t axis)
      : count((x.numel() + kRun - 1) / kRun), length(kRun), steps(1), size(x.numel()) {
    if (step.numel() == 1) return;
    length = 1, steps = step.numel();
    for (int64_t d = axis + 1; d < x.dim(); ++d) length *= x.size(d);
    count = length > 0 ? size / length : 0;
  }
  template <typename F>
  void each(F&& f) const {
    at::parallel_for(0, count, std::max<int64_t>(1, kRun / std::max<int64_t>(1, length)), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) f(r, r * length, std::min(size, (r + 1) * length), r % steps);
    });
  }
};

/// In an order of memory in which runs are what they say; for one step any will do.
torch::Tensor in_runs(const torch::Tensor& x, const torch::Tensor& step) {
  return step.numel() == 1 && x.is_non_overlapping_and_dense() ? x : x.contiguous();
}

class FakeQuantize : public torch::autograd::Function<FakeQuantize> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& given, const torch::Tensor& step, const Codes& codes,
                               int64_t axis) {
    const auto x = in_runs(given, step), steps = step.contiguous();
    context->save_for_backward({x, steps});
    context->saved_data["low"] = codes.low, context->saved_data["high"] = codes.high, context->saved_data["is_odd"] = codes.is_odd,
    context->saved_data["axis"] = axis;
    if (!x.is_cpu()) return quantised_as_a_whole(x, steps, codes, axis);
    auto y = at::empty_like(x);
    const Runs runs(x, steps, axis);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "fake_quantize", [&] {
      const auto *from = x.data_ptr<scalar_t>(), *unit = steps.data_ptr<scalar_t>();
      auto* to = y.data_ptr<scalar_t>();
      runs.each([&](int64_t, int64_t begin, int64_t end, int64_t s) { values_of_codes(from + begin, end - begin, unit[s], codes, to + begin); });
    });
    return y;
  }

  /// Inside the range x passes and the step gets code - x / step, outside x stops and the step gets the code.
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &steps = saved[1];
    const Codes codes{context->saved_data["low"].toDouble(), context->saved_data["high"].toDouble(), context->saved_data["is_odd"].toBool()};
    const int64_t axis = context->saved_data["axis"].toInt();
    if (!x.is_cpu()) {
      const auto [of_x, of_steps] = gradients_as_a_whole(x, gradients[0], steps, codes, axis);
      return {of_x, of_steps, {}, {}};
    }
    const Runs runs(x, steps, axis);
    const auto gradient = gradients[0].strides() == x.strides() ? gradients[0] : at::empty_like(x).copy_(gradients[0]);
    auto of_x = at::empty_like(x), of_steps = at::zeros_like(steps);
    std::vector<double> sums(static_cast<size_t>(runs.count));
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "fake_quantize_backward", [&] {
      const auto *from = x.data_ptr<scalar_t>(), *unit = steps.data_ptr<scalar_t>(), *given = gradient.data_ptr<scalar_t>();
      auto* to = of_x.data_ptr<scalar_t>();
      runs.each([&](int64_t r, int64_t begin, int64_t end, int64_t s) {
        sums[static_cast<size_t>(r)] = gradients_of_codes(from + begin, given + begin, end - begin, unit[s], codes, to + begin);
      });
      auto* step = of_steps.data_ptr<scalar_t>();
      std::vector<double> totals(static_cast<size_t>(runs.steps));
      for (int64_t r = 0; r < runs.count; ++r) totals[static_cast<size_t>(r % runs.steps)] += sums[static_cast<size_t>(r)];
      for (int64_t s = 0; s < runs.steps; ++s) step[s] = static_cast<scalar_t>(totals[static_cast<size_t>(s)]);
    });
    return {of_x, of_steps, {}, {}};
  }
};

}  // namespace

/// Inputs x and step (one, or one per index of `axis`); y = step * code(x / step). Source: Esser et al., Learned Step Size Quantization, ICLR 2020
/// (arXiv 1902.08153), Eq. 1 to 3; differs in: odd codes, and the range of integers is given by its ends.
Tensors fake_quantize(const OpContext& c, const Tensors& in) {
  const auto x = wide(c, in[0]), step = wide(c, in[1]);
  const int64_t axis = x.dim() > 0 ? normal_axis(c, c.node.int_attribute("axis", 0), x.dim()) : 0;
  if (step.numel() != 1 && (x.dim() == 0 || step.numel() != x.size(axis)))
    fail(c, std::to_string(step.numel()) + " steps do not fit axis " + std::to_string(axis) + " of " + to_string(shape_of(x)));
  return {FakeQuantize::apply(x, step,
                              Codes{static_cast<double>(c.node.int_attribute("low", 0)), static_cast<double>(c.node.int_attribute("high", 255)),
                                    c.node.int_attribute("is_odd", 0) != 0},
                              axis)};
}

/// Inputs y, the step of what the layer read, steps of its weights, and where they are there its bias and BatchNormalization's scale, shift, mean and
/// variance. y = a (products) + offset, a channel, with offset a multiple of a times both steps: what the layer gives once its bias is an integer.
/// The gradient is y's.
Tensors round_offset(const OpContext& c, const Tensors& in) {
  torch::NoGradGuard guard;
  const auto wide_double = [&](size_t i, double otherwise) {
    return given(in, i) ? in[i].detach().to(torch::kDouble) : torch::full({1}, otherwise, in[0].options().dtype(torch::kDouble));
  };
  const auto scale =
      wide_double(4, 1) / (wide_double(7, 1) + (given(in, 7) ? static_cast<double>(c.node.float_attribute("epsilon", 1e-5F)) : 0)).sqrt();
  const auto offset = (wide_double(3, 0).flatten() - wide_double(6, 0)) * scale + wide_double(5, 0),
             unit = wide_double(1, 1) * wide_double(2, 1) * scale;
  const auto correction = at::where(unit > 0, (offset / unit).round() * unit - offset, at::zeros_like(unit)).to(in[0].scalar_type());
  std::vector<int64_t> shape(static_cast<size_t>(in[0].dim()), 1);
  shape[1] = -1;
  const at::AutoGradMode with_gradients(in[0].requires_grad());
  return {in[0] + correction.view(shape)};
}

}  // namespace scissionlite::train::op
