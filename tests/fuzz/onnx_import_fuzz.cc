// Any bytes either become a graph that can be cut and written again, or are refused with an Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "graph/cuts.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace scissionlite;
  try {
    Graph graph = parse_model({reinterpret_cast<const char*>(data), size}, "/nonexistent", "fuzz");
    const auto again = parse_model(serialize_model(graph), "/nonexistent", "again");
    if (again.nodes.size() != graph.nodes.size()) __builtin_trap();
    for (const auto& cut : ops::find_costed_cuts(graph)) (void)cut_graph(graph, cut.tensors);
  } catch (const Error&) {}
  return 0;
}
