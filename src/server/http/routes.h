// What is served under which path: the protocol's HTTP side (Api), metrics, and the live page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/http/exchange.h"
#include "server/inference/service_context.h"

namespace scissionlite::server::http {

/// The parts of a target's path, percent-decoded, without its query: "/v2/models/a%20b" -> "v2", "models", "a b".
/// @throws HttpError 400 for a bad escape or a target that is no path.
[[nodiscard]] std::vector<std::string> path_of(std::string_view target);

/// Answers requests of the Open Inference Protocol. Bodies that come compressed become at most `body_bytes`.
[[nodiscard]] Handler api_handler(const ServiceContext& context, size_t body_bytes);

/// live.json for who asks; what it throws becomes the answer.
using LiveData = std::function<Json(const Caller& caller)>;

/// GET /metrics answers `make()`, and GET /live the live page, whose data `live` makes; without `live` there is none.
[[nodiscard]] Handler metrics_handler(std::function<std::string()> make, LiveData live = nullptr);

}  // namespace scissionlite::server::http
