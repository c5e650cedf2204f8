// A model whose image input leaves its height, width or channels open, made definite by the input.json that goes with it.
#pragma once

#include "vision/input_spec.h"

namespace scissionlite::vision {

/// `model` with the open sizes of its first input (its rank, where that is open) as `spec` makes them; the batch stays
/// open. Without them no tensor has a size, no cut has bytes and no engine can plan. `spec` must fit (check_fits).
[[nodiscard]] Graph with_input_size(Graph model, const InputSpec& spec);
/// Whether the first input leaves more open than its batch.
[[nodiscard]] bool has_open_size(const Graph& model);
/// What find_input_spec finds in the model's metadata or beside it, before it guesses.
[[nodiscard]] std::optional<InputSpec> find_written_input_spec(const Graph& model, const fs::path& model_path);

}  // namespace scissionlite::vision
