#include "train/op/support.h"

#include <torch/csrc/autograd/custom_function.h>

namespace scissionlite::train::op {

std::vector<int64_t> integers(const torch::Tensor& t) {
  const auto flat = t.detach().cpu().to(torch::kLong).contiguous().view(-1);
  return {flat.data_ptr<int64_t>(), flat.data_ptr<int64_t>() + flat.numel()};
}

std::vector<double> floats(const torch::Tensor& t) {
  const auto flat = t.detach().cpu().to(torch::kDouble).contiguous().view(-1);
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

double scalar(const torch::Tensor& t) { return t.detach().to(torch::kDouble).view(-1)[0].item<double>(); }

std::vector<int64_t> attribute_or_input(const OpContext& c, const Tensors& in, size_t i, const std::string& attribute) {
  if (given(in, i)) return integers(in[i]);
  return c.node.has(attribute) ? c.node.ints_attribute(attribute) : std::vector<int64_t>{};
}

torch::Tensor pad_spatial(const torch::Tensor& x, const std::vector<int64_t>& begin, const std::vector<int64_t>& end, double value) {
  std::vector<int64_t> pads;  // last dimension first
  for (size_t d = begin.size(); d-- > 0;) pads.insert(pads.end(), {begin[d], end[d]});
  if (std::all_of(pads.begin(), pads.end(), [](int64_t p) { return p == 0; })) return x;
  return at::constant_pad_nd(x, pads, value);
}

namespace {

/// Gradients of the input pass to it unchanged, whatever was done to its values.
struct StraightThrough : torch::autograd::Function<StraightThrough> {
  static torch::Tensor forward(torch::autograd::AutogradContext*, const torch::Tensor&, const torch::Tensor& rounded) { return rounded.clone(); }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext*, torch::autograd::tensor_list gradients) {
    return {gradients[0], torch::Tensor()};
  }
};

}  // namespace

torch::Tensor straight_through(const torch::Tensor& x, const torch::Tensor& rounded) {
  return carries_gradient(x) ? StraightThrough::apply(x, rounded.detach()) : rounded;
}

}  // namespace scissionlite::train::op
