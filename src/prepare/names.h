// Names that travel: letters, digits, '_', '-' and '.', so that every server, client and shell takes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"

namespace scissionlite {

/// Other characters become '_'; "" becomes "tensor".
[[nodiscard]] std::string plain_name(const std::string& name);

/// What servers take as a model's name, and what is safe to join to a path: 1 to 255 of these characters, the first one no '.'.
[[nodiscard]] bool is_model_name(std::string_view name);
/// @throws InvalidArgument saying that rule.
void check_model_name(const std::string& name);

/// Renames the outputs (and with `inputs` the inputs) of `graph` to plain names, free of clashes.
/// @return the outputs' names before, in order.
std::vector<std::string> use_plain_names(Graph& graph, bool inputs);

}  // namespace scissionlite
