// A model of an older opset as the same model of opset 13, where QuantizeLinear takes an axis and Clip takes bytes.
#pragma once

#include "graph/graph.h"

namespace scissionlite::compress {

inline constexpr int64_t kRaisedOpset = 13;

/// The graph in opset 13 of ONNX's domain: what was an attribute and became an input is a constant, what changed its meaning is written so that
/// results stay bit for bit. Graphs of opset 13 and newer stay as they are, and so do nodes of other domains. How an operator changes is a line of
/// raise_opset.inc. @throws Unsupported naming the first node whose operator has no line there, or that says what opset 13 cannot.
[[nodiscard]] Graph raise_opset(const Graph& graph);

}  // namespace scissionlite::compress
