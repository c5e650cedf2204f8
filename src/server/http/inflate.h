// Request bodies that come compressed, with a limit on what they become.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "server/http/exchange.h"

namespace scissionlite::server::http {

/// @param coding  of the field Content-Encoding, in any case: "gzip" or "x-gzip", "deflate" (zlib's form or raw), "identity" or "".
/// @throws HttpError: 413 as soon as the result would exceed `limit_bytes`, 415 for another coding, 400 for damaged or
/// truncated data and for bytes behind its end.
[[nodiscard]] std::string inflate_body(std::string_view bytes, std::string_view coding, size_t limit_bytes);
/// Whether a request's Content-Encoding says so.
[[nodiscard]] bool is_compressed(const Request& request);
/// Inflates a request's body where its Content-Encoding says so. @throws the same.
void inflate_request(Request& request, size_t limit_bytes);

}  // namespace scissionlite::server::http
