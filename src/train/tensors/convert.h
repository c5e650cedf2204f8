// Tensors of the library to and from libtorch's. Private to train/.
#pragma once

#include "base/tensor.h"
#include "train/tensors/torch.h"

namespace scissionlite::train {

[[nodiscard]] bool is_floating(Dtype dtype);
/// How values of that type are held: floating types in `compute`; unsigned types that libtorch lacks in a wider one.
[[nodiscard]] torch::ScalarType torch_type(Dtype dtype, torch::ScalarType compute);
/// A copy.
[[nodiscard]] torch::Tensor to_torch(const Tensor& tensor, torch::ScalarType compute);
/// A copy in the wanted type. @throws InvalidArgument when a finite value overflows half precision.
[[nodiscard]] Tensor from_torch(const torch::Tensor& tensor, Dtype dtype);

}  // namespace scissionlite::train
