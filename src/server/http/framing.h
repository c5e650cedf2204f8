// Where a request's body ends must be beyond doubt: what two readers on the way understand differently, one of them takes for another request (RFC
// 9112, 6.1, 6.3, 11.2).
#pragma once

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <optional>

#include "server/http/exchange.h"

namespace scissionlite::server::http {

/// Why a request with these fields is not read further; its connection has to end with it.
[[nodiscard]] std::optional<HttpError> objection_to(const boost::beast::http::header<true>& fields);

}  // namespace scissionlite::server::http
