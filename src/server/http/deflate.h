// Answers that go compressed because their caller asks for it.
#pragma once

#include <optional>
#include <string_view>

#include "server/access/bytes_in_flight.h"
#include "server/call/deflate.h"
#include "server/http/exchange.h"

namespace scissionlite::server::http {

/// What the field Accept-Encoding asks for by name: of gzip ("x-gzip") and deflate the one with the larger weight, gzip where they are equal; nothing
/// where neither has one above 0, or `identity` a larger one.
[[nodiscard]] std::optional<Coding> coding_asked_for(std::string_view accept_encoding);

/// Body and blobs become one body; Inference-Header-Content-Length still says where the JSON ends once it is inflated. @param growth  has covered the
/// body, and counts what it becomes.
void deflate_response(Response& response, Coding coding, GrowingTicket& growth);

}  // namespace scissionlite::server::http
