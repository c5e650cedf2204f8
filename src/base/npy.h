// Tensors as numpy files (.npy, version 1.0), for recording and for exchange with other programs.
#pragma once

#include <string>
#include <string_view>

#include "base/tensor.h"

namespace scissionlite {

/// @throws Unsupported for bfloat16, which numpy does not know.
[[nodiscard]] std::string to_npy(const Tensor& tensor);
/// C-order, little-endian numeric arrays. @throws InvalidArgument otherwise.
[[nodiscard]] Tensor from_npy(std::string_view bytes, const std::string& where);

}  // namespace scissionlite
