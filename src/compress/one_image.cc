#include "compress/one_image.h"

#include "graph/slice.h"
#include "ops/ops.h"

namespace scissionlite::compress {

Graph for_one_image(const Graph& graph) {
  Graph out = with_batch(graph, 1);
  out.values.clear();
  ops::infer_shapes(out);
  return out;
}

std::map<std::string, Shape> known_shapes(const Graph& one_image) {
  std::map<std::string, Shape> out;
  for (const auto& node : one_image.nodes)
    for (const auto& output : node.outputs)
      if (const auto info = one_image.find_value(output); info && info->has_shape && is_static(info->shape)) out[output] = info->shape;
  for (const auto& info : one_image.inputs) out[info.name] = info.shape;
  return out;
}

}  // namespace scissionlite::compress
