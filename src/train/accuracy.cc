#include "train/accuracy.h"

#include <algorithm>

#include "engine/engine.h"
#include "graph/slice.h"

namespace scissionlite::train {

std::optional<double> accuracy(const Graph& model, const Dataset& images, int threads) {
  const auto runner = compile(with_batch(model, 1), default_backend(), {.threads = threads});
  int64_t right = 0, labelled = 0;
  for (int64_t i = 0; i < images.size(); ++i) {
    const auto example = images.get(i, nullptr);
    if (example.label < 0) continue;
    const std::vector<Tensor> x{example.input};
    const auto scores = runner->run(x)[0].to_f32();
    right += std::max_element(scores.as<float>().begin(), scores.as<float>().end()) - scores.as<float>().begin() == example.label ? 1 : 0;
    ++labelled;
  }
  return labelled > 0 ? std::optional(static_cast<double>(right) / static_cast<double>(labelled)) : std::nullopt;
}

}  // namespace scissionlite::train
