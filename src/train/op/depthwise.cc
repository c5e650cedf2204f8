#include "train/op/depthwise.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "train/op/depthwise_loops.h"

namespace scissionlite::train::op {
namespace {

/// [taps][taps][channels] of all images; those of a thread are summed up on their own, and then in the order of threads.
torch::Tensor weight_gradients(const torch::Tensor& x, const torch::Tensor& gradient, const DepthwiseSize& size) {
  const int64_t images = x.size(0), most = std::min<int64_t>(images, at::get_num_threads()), each = most > 0 ? (images + most - 1) / most : 0;
  auto parts = at::zeros({std::max<int64_t>(1, most), size.taps, size.taps, size.channels}, x.options().memory_format(at::MemoryFormat::Contiguous));
  const auto *from = x.data_ptr<float>(), *given = gradient.data_ptr<float>();
  auto* to = parts.data_ptr<float>();
  at::parallel_for(0, most, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part)
      for (int64_t image = part * each; image < std::min(images, (part + 1) * each); ++image)
        add_depthwise_weight_gradients(from + image * size.in_h * size.in_w * size.channels, given + image * size.out_h * size.out_w * size.channels,
                                       size, to + part * size.taps * size.taps * size.channels);
  });
  return parts.sum(0).permute({2, 0, 1}).unsqueeze(1);
}

struct Depthwise : torch::autograd::Function<Depthwise> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x, const torch::Tensor& w,
                               const c10::optional<torch::Tensor>& bias, int64_t stride, int64_t pad, int64_t dilation) {
    context->save_for_backward({x, w});
    context->saved_data["stride"] = stride, context->saved_data["pad"] = pad, context->saved_data["dilation"] = dilation,
    context->saved_data["has_bias"] = bias.has_value();
    return at::convolution(x, w, bias, {stride, stride}, {pad, pad}, {dilation, dilation}, /*transposed=*/false, {0, 0}, w.size(0));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &w = saved[1];
    const int64_t stride = context->saved_data["stride"].toInt(), pad = context->saved_data["pad"].toInt(),
                  dilation = context->saved_data["dilation"].toInt(), channels = w.size(0);
    torch::Tensor of_x, of_w, of_bias;
    if (context->needs_input_grad(0))
      of_x = std::get<0>(at::convolution_backward(gradients[0], x, w, c10::nullopt, {stride, stride}, {pad, pad}, {dilation, dilation},
                                                  /*transposed=*/false, {0, 0}, channels, {true, false, false}));
    if (context->needs_input_grad(1)) {
      const auto last = at::MemoryFormat::ChannelsLast;
      of_w = weight_gradients(x.contiguous(last), gradients[0].contiguous(last),
                              {channels, w.size(2), stride, pad, dilation, x.size(2), x.size(3), gradients[0].size(2), gradients[0].size(3)});
    }
    if (context->saved_data["has_bias"].toBool() && context->needs_input_grad(2)) of_bias = gradients[0].sum({0, 2, 3});
    return {of_x, of_w, of_bias, {}, {}, {}};
  }
};

bool are_alike(const std::vector<int64_t>& values) { return values.size() == 2 && values[0] == values[1]; }

}  // namespace

bool is_depthwise(const torch::Tensor& x, const torch::Tensor& w, const ops::Window& window, int64_t group) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat && x.dim() == 4 && group > 1 && group == x.size(1) && group == w.size(0) &&
         w.size(2) == w.size(3) && has_depthwise_loop(w.size(2)) && are_alike(window.strides) && are_alike(window.dilations) &&
         are_alike(window.pads_begin) && are_alike(window.pads_end);
}

torch::Tensor depthwise_convolution(const torch::Tensor& x, const torch::Tensor& w, const c10::optional<torch::Tensor>& bias,
                                    const ops::Window& window) {
  return Depthwise::apply(x, w, bias, window.strides[0], window.pads_begin[0], window.dilations[0]);
}

}  // namespace scissionlite::train::op
