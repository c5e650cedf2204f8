#include "engine/zero_inputs.h"

#include <algorithm>

namespace scissionlite {

std::vector<Tensor> zero_inputs(const std::vector<ValueInfo>& inputs, int64_t batch) {
  std::vector<Tensor> out;
  for (const auto& input : inputs) {
    Shape shape = input.shape;
    if (!shape.empty() && shape[0] < 0) shape[0] = batch;
    for (auto& size : shape) size = size < 0 ? 1 : size;
    Tensor tensor(input.dtype, shape);
    std::fill_n(tensor.mutable_data(), tensor.size_bytes(), std::byte{0});
    out.push_back(std::move(tensor));
  }
  return out;
}

}  // namespace scissionlite
