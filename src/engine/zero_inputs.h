// Inputs to warm an engine up with.
#pragma once

#include "graph/graph.h"

namespace scissionlite {

/// One tensor of zeros an input. @param batch  the first size, where that is open; other open sizes are 1.
[[nodiscard]] std::vector<Tensor> zero_inputs(const std::vector<ValueInfo>& inputs, int64_t batch = 1);

}  // namespace scissionlite
