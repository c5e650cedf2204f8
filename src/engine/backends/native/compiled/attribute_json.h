// Attributes of nodes in graphs.json: an object of one member that names the type.
#pragma once

#include "base/json.h"
#include "graph/graph.h"

namespace scissionlite::native {

/// {"int": 3}, {"float": 0.1}, {"ints": [1, 1]}, {"tensor": {"dtype", "shape", "base64"}}, ...
[[nodiscard]] Json attribute_to_json(const Attribute& attribute);
/// @throws InvalidArgument naming the field.
[[nodiscard]] Attribute attribute_from_json(const JsonReader& json);

}  // namespace scissionlite::native
