// Data of a request's inputs as JSON: written into tensors' bytes while the text is parsed, so that a tensor costs its own
// size and no tree of values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/tensor.h"

namespace scissionlite::server::http {

/// What the text holds: everything but the elements of "inputs"[i]."data", and those as raw contents, for each input that
/// has data.
struct ParsedRequest {
  Json json;
  std::map<size_t, std::string> raw;
};

/// @throws InvalidArgument for what parse_json refuses; elements that the input's datatype cannot hold, naming them; a tree
/// of more than 2,000 values beside the data.
[[nodiscard]] ParsedRequest parse_request(std::string_view text);

}  // namespace scissionlite::server::http
