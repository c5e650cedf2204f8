// Names that travel: letters, digits, '_', '-' and '.', so that every server, client and shell takes them.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite {

/// Other characters become '_'; "" becomes "tensor".
[[nodiscard]] std::string plain_name(const std::string& name);

/// Renames the outputs (and with `inputs` the inputs) of `graph` to plain names, free of clashes.
/// @return the outputs' names before, in order.
std::vector<std::string> use_plain_names(Graph& graph, bool inputs);

}  // namespace scissionlite
