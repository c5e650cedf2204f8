#include "engine/normal_inputs.h"

#include <algorithm>

#include "base/rng.h"

namespace scissionlite {

std::vector<Tensor> normal_inputs(const std::vector<ValueInfo>& inputs, const std::vector<Shape>& shapes) {
  Rng rng(1);
  std::vector<Tensor> out;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Tensor t(inputs[i].dtype, shapes[i]);
    std::fill_n(t.mutable_data(), t.size_bytes(), std::byte{0});
    if (inputs[i].dtype == Dtype::kF32)
      for (float& v : t.mutable_as<float>()) v = static_cast<float>(rng.normal());
    out.push_back(std::move(t));
  }
  return out;
}

}  // namespace scissionlite
