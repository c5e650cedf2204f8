#include "vision/model_input.h"

#include <algorithm>

namespace scissionlite::vision {

bool has_open_size(const Graph& model) {
  if (model.inputs.empty()) return false;
  const auto& input = model.inputs.front();
  return !input.has_shape || (!input.shape.empty() && std::any_of(input.shape.begin() + 1, input.shape.end(), [](int64_t size) { return size < 0; }));
}

Graph with_input_size(Graph model, const InputSpec& spec) {
  if (!has_open_size(model)) return model;
  auto& input = model.inputs.front();
  const Shape wanted = tensor_shape(spec);
  if (!input.has_shape) {
    input.has_shape = true;
    input.shape.assign(wanted.size(), -1);
    input.symbols.clear();
  }
  for (size_t i = 1; i < wanted.size(); ++i) {
    if (input.shape[i] >= 0) continue;
    input.shape[i] = wanted[i];
    if (!input.symbols.empty()) input.symbols[i].clear();
  }
  return model;
}

}  // namespace scissionlite::vision
