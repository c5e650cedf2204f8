// Inputs to try an engine with.
#pragma once

#include "graph/graph.h"

namespace scissionlite {

/// One tensor an input, the same at each call: normally distributed where it is float32, else zeros.
[[nodiscard]] std::vector<Tensor> normal_inputs(const std::vector<ValueInfo>& inputs, const std::vector<Shape>& shapes);

}  // namespace scissionlite
