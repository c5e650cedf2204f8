// How often a whole model is right, as the engine runs it. Free of libtorch.
#pragma once

#include <optional>

#include "graph/graph.h"
#include "train/data/dataset.h"

namespace scissionlite::train {

/// Share of right answers over the examples with a label; nullopt without labels.
[[nodiscard]] std::optional<double> accuracy(const Graph& model, const Dataset& images, int threads);

}  // namespace scissionlite::train
