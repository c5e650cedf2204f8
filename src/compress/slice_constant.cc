#include "compress/slice_constant.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

namespace scissionlite::compress {
namespace {

/// A tensor as (outer, axis, inner).
struct Rows {
  int64_t outer, size, inner;
  Rows(const Shape& shape, size_t axis)
      : outer(std::accumulate(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axis), int64_t{1}, std::multiplies<>())),
        size(shape[axis]),
        inner(std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end(), int64_t{1}, std::multiplies<>())) {}
};

}  // namespace

Tensor gathered(const Tensor& tensor, size_t axis, const std::vector<int64_t>& from) {
  const Rows rows(tensor.shape(), axis);
  auto shape = tensor.shape();
  shape[axis] = static_cast<int64_t>(from.size());
  Tensor out(tensor.dtype(), shape);
  const auto bytes = static_cast<size_t>(rows.inner) * dtype_size(tensor.dtype());
  auto* to = out.mutable_data();
  for (int64_t o = 0; o < rows.outer; ++o)
    for (const int64_t i : from) {
      std::memcpy(to, tensor.data() + static_cast<size_t>(o * rows.size + i) * bytes, bytes);
      to += bytes;
    }
  return out;
}

Tensor take(const Tensor& tensor, size_t axis, const std::vector<bool>& kept) {
  std::vector<int64_t> from;
  for (size_t i = 0; i < kept.size(); ++i)
    if (kept[i]) from.push_back(static_cast<int64_t>(i));
  return gathered(tensor, axis, from);
}

void zero_slice(Tensor& tensor, size_t axis, int64_t index) {
  const Rows rows(tensor.shape(), axis);
  const auto bytes = static_cast<size_t>(rows.inner) * dtype_size(tensor.dtype());
  for (int64_t o = 0; o < rows.outer; ++o) std::memset(tensor.mutable_data() + static_cast<size_t>(o * rows.size + index) * bytes, 0, bytes);
}

std::vector<double> outputs_of_constants(const Node& node, const Tensor& weights, const std::vector<float>& channels) {
  const auto w = weights.as<float>();
  const auto& shape = weights.shape();
  if (node.op_type == "Conv") {
    const auto outputs = static_cast<size_t>(shape[0]), each = static_cast<size_t>(shape[1]), taps = w.size() / outputs / each;
    const size_t outputs_of_group = outputs / std::max<size_t>(channels.size() / each, 1);  // the attribute may count what is left already
    std::vector<double> sums(outputs, 0);
    for (size_t o = 0; o < outputs; ++o)
      for (size_t c = 0; c < each; ++c)
        for (size_t t = 0; t < taps; ++t) sums[o] += static_cast<double>(w[(o * each + c) * taps + t]) * channels[o / outputs_of_group * each + c];
    return sums;
  }
  const bool is_transposed = node.op_type == "Gemm" && node.int_attribute("transB", 0) != 0;
  const size_t inputs = channels.size(), outputs = w.size() / inputs;
  std::vector<double> sums(outputs, 0);
  for (size_t o = 0; o < outputs; ++o)
    for (size_t c = 0; c < inputs; ++c) sums[o] += static_cast<double>(is_transposed ? w[o * inputs + c] : w[c * outputs + o]) * channels[c];
  return sums;
}

void drop_unread_constants(Graph& graph) {
  std::set<std::string> read;
  for (const auto& node : graph.nodes) read.insert(node.inputs.begin(), node.inputs.end());
  for (const auto& info : graph.outputs) read.insert(info.name);
  std::erase_if(graph.initializers, [&](const auto& one) { return read.count(one.first) == 0; });
}

}  // namespace scissionlite::compress
