// Where training computes: this machine's CPU or a GPU. One choice for the whole process, as of threads. Private to train/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "train/tensors/torch.h"

namespace scissionlite::train {

/// "cpu", "cuda" or "cuda:N" (the Nth GPU, from 0), before any other use of libtorch in this process. What libtorch has for GPUs
/// is a library of hundreds of megabytes that is loaded here, when it is first asked for. Throws InvalidArgument for another name, where this
/// program's libtorch has none (Debian's does not) and where there is no such GPU, and says which.
void use_device(const std::string& name);

[[nodiscard]] torch::Device compute_device();

/// `tensor` where training computes. Integers (shapes, indices, axes) stay on the CPU: operators read them there.
[[nodiscard]] torch::Tensor on_device(const torch::Tensor& tensor);

/// Indices or labels for an operation with `tensor`, where that is.
[[nodiscard]] torch::Tensor integers_for(const torch::Tensor& tensor, const std::vector<int64_t>& values);

}  // namespace scissionlite::train
