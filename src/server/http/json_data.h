// Data of a request's inputs as JSON: written into tensors' bytes while the text is parsed, so that a tensor costs its own
// size and no tree of values, and no more than its shape holds.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/tensor.h"
#include "server/access/bytes_in_flight.h"
#include "server/models/model.h"

namespace scissionlite::server::http {

/// What the text holds: everything but the elements of "inputs"[i]."data", and those as raw contents, for each input that
/// has data. Empty are those of inputs that `check_request` refuses by what they say of themselves.
struct ParsedRequest {
  Json json;
  std::map<size_t, std::string> raw;
};

/// @param growth  counts the raw contents while they grow.
/// @throws InvalidArgument for what parse_json refuses; elements that the input's datatype cannot hold, naming them; a tree
/// of more than 2,000 values beside the data. Refusal: kInvalidArgument for data of another type than the model's and for more elements than the
/// input's shape has, as soon as they come; kUnavailable where `growth` finds no room.
[[nodiscard]] ParsedRequest parse_request(std::string_view text, const ModelInterface& model, GrowingTicket& growth);

/// @throws InvalidArgument for more values beside the data than a request may have.
void check_value_count(int values);

}  // namespace scissionlite::server::http
