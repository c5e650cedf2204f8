// BatchNormalization (inference), InstanceNormalization, LRN, Softmax, LogSoftmax.
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

int64_t channel_size(const Shape& shape) {
  int64_t size = 1;
  for (size_t d = 2; d < shape.size(); ++d) size *= shape[d];
  return size;
}

/// The rank that channels need.
void check_channels(const Context& c, const ValueInfo& x) {
  if (x.has_shape && x.shape.size() < 2) fail(c, "got an activation " + to_string(x.shape) + ", expected rank 2 or more");
}

std::vector<ValueInfo> lrn_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  check_channels(c, in[0]);
  return same_as_first(c, in, constants);
}

std::vector<ValueInfo> batch_norm_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  static constexpr const char* kNames[] = {"", "the scale", "the shift", "the mean", "the variance"};
  check_channels(c, in[0]);
  if (in[0].has_shape)
    for (size_t i = 1; i < in.size() && i < std::size(kNames); ++i) check_per_channel(c, in, i, in[0].shape[1], kNames[i]);
  return same_as_first(c, in, constants);
}

/// Statistics of the batch itself: asked for by an attribute from opset 14, before by wanting those that move.
std::string batch_norm_lack(const Context& c) {
  const auto wanted = std::count_if(c.node.outputs.begin(), c.node.outputs.end(), [](const auto& output) { return !output.empty(); });
  const bool is_training = c.opset >= 14 ? c.node.int_attribute("training_mode", 0) != 0 : wanted > 1;
  return is_training ? "training with the batch's own statistics (export the model for inference)" : "";
}

/// y = (x - mean) / sqrt(var + epsilon) * scale + bias, per channel.
std::vector<Tensor> batch_norm_reference(const Context& c, std::span<const Tensor> in) {
  const auto& shape = in[0].shape();
  if (shape.size() < 2 || in[1].size() != shape[1]) fail(c, "scale " + to_string(in[1].shape()) + " does not fit activation " + to_string(shape));
  const float epsilon = c.node.float_attribute("epsilon", 1e-5f);
  Tensor y(Dtype::kF32, shape);
  const int64_t size = channel_size(shape);
  const float* x = in[0].as<float>().data();
  float* out = y.mutable_as<float>().data();
  for (int64_t p = 0; p < shape[0] * shape[1]; ++p) {
    const auto ch = static_cast<size_t>(p % shape[1]);
    const float factor = in[1].as<float>()[ch] / std::sqrt(in[4].as<float>()[ch] + epsilon);
    const float offset = in[2].as<float>()[ch] - in[3].as<float>()[ch] * factor;
    for (int64_t i = 0; i < size; ++i) out[p * size + i] = x[p * size + i] * factor + offset;
  }
  return {y};
}

std::vector<Tensor> instance_norm_reference(const Context& c, std::span<const Tensor> in) {
  const auto& shape = in[0].shape();
  const float epsilon = c.node.float_attribute("epsilon", 1e-5f);
  Tensor y(Dtype::kF32, shape);
  const int64_t size = channel_size(shape);
  const float* x = in[0].as<float>().data();
  float* out = y.mutable_as<float>().data();
  for (int64_t p = 0; p < shape[0] * shape[1]; ++p) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < size; ++i) sum += x[p * size + i];
    const double mean = sum / static_cast<double>(size);
    for (int64_t i = 0; i < size; ++i) squares += (x[p * size + i] - mean) * (x[p * size + i] - mean);
    const double inverse = 1 / std::sqrt(squares / static_cast<double>(size) + epsilon);
    const auto ch = static_cast<size_t>(p % shape[1]);
    for (int64_t i = 0; i < size; ++i)
      out[p * size + i] = static_cast<float>((x[p * size + i] - mean) * inverse) * in[1].as<float>()[ch] + in[2].as<float>()[ch];
  }
  return {y};
}

/// y = x / (bias + alpha / size * sum of squares over neighbouring channels) ^ beta.
std::vector<Tensor> lrn_reference(const Context& c, std::span<const Tensor> in) {
  const auto& shape = in[0].shape();
  const int64_t size = c.node.int_attribute("size", 1), channels = shape[1], area = channel_size(shape);
  const float alpha = c.node.float_attribute("alpha", 1e-4f), beta = c.node.float_attribute("beta", 0.75f), bias = c.node.float_attribute("bias", 1);
  Tensor y(Dtype::kF32, shape);
  const float* x = in[0].as<float>().data();
  float* out = y.mutable_as<float>().data();
  for (int64_t n = 0; n < shape[0]; ++n)
    for (int64_t ch = 0; ch < channels; ++ch)
      for (int64_t i = 0; i < area; ++i) {
        float sum = 0;
        for (int64_t k = std::max<int64_t>(0, ch - (size - 1) / 2); k <= std::min(channels - 1, ch + size / 2); ++k) {
          const float v = x[(n * channels + k) * area + i];
          sum += v * v;
        }
        const int64_t at = (n * channels + ch) * area + i;
        out[at] = x[at] / std::pow(bias + alpha / static_cast<float>(size) * sum, beta);
      }
  return {y};
}

/// Below opset 13 all dimensions from the axis on are one; from 13 the axis alone.
std::vector<Tensor> soft(const Context& c, const Tensor& x, bool logarithm) {
  const auto& shape = x.shape();
  const bool flat = c.opset < 13;
  const auto axis = static_cast<size_t>(normal_axis(c, c.node.int_attribute("axis", flat ? 1 : -1), shape.size()));
  int64_t outer = 1, size = 1, inner = 1;
  for (size_t d = 0; d < shape.size(); ++d) (d < axis ? outer : flat || d == axis ? size : inner) *= shape[d];
  Tensor y(Dtype::kF32, shape);
  const float* in = x.as<float>().data();
  float* out = y.mutable_as<float>().data();
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const int64_t base = o * size * inner + i;
      float largest = -std::numeric_limits<float>::infinity();
      for (int64_t k = 0; k < size; ++k) largest = std::max(largest, in[base + k * inner]);
      double sum = 0;
      for (int64_t k = 0; k < size; ++k) sum += std::exp(static_cast<double>(in[base + k * inner] - largest));
      for (int64_t k = 0; k < size; ++k) {
        const double shifted = in[base + k * inner] - largest;
        out[base + k * inner] = static_cast<float>(logarithm ? shifted - std::log(sum) : std::exp(shifted) / sum);
      }
    }
  return {y};
}
std::vector<Tensor> softmax_reference(const Context& c, std::span<const Tensor> in) { return soft(c, in[0], false); }
std::vector<Tensor> log_softmax_reference(const Context& c, std::span<const Tensor> in) { return soft(c, in[0], true); }

}  // namespace

extern const Operator batch_norm, instance_norm, lrn, softmax, log_softmax;
const Operator batch_norm{"", "BatchNormalization", batch_norm_shape, no_cost, batch_norm_reference, 5, batch_norm_lack};
const Operator instance_norm{"", "InstanceNormalization", batch_norm_shape, no_cost, instance_norm_reference, 3};
const Operator lrn{"", "LRN", lrn_shape, no_cost, lrn_reference};
const Operator softmax{"", "Softmax", same_as_first, no_cost, softmax_reference};
const Operator log_softmax{"", "LogSoftmax", same_as_first, no_cost, log_softmax_reference};

}  // namespace scissionlite::ops
