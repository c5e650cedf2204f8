#include "server/http/exchange.h"

namespace scissionlite::server::http {

std::string_view Request::field(const std::string& name) const {
  const auto it = fields.find(name);
  return it == fields.end() ? std::string_view{} : it->second;
}

Response json_response(const Json& json, int status) {
  return {.status = status, .fields = {}, .body = json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace), .blobs = {}};
}

Response error_response(int status, std::string_view message) { return json_response({{"error", message}}, status); }

Response error_in_flight() {
  try {
    throw;
  } catch (const HttpError& error) {
    return error_response(error.status(), error.what());
  } catch (...) {
    const auto refusal = current_refusal();
    return error_response(http_status(refusal.code()), refusal.what());
  }
}

int http_status(Code code) {
  switch (code) {
    case Code::kOk: return 200;
    case Code::kCancelled:
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition: return 400;
    case Code::kNotFound: return 404;
    case Code::kResourceExhausted: return 429;
    case Code::kUnavailable: return 503;
    case Code::kDeadlineExceeded: return 504;
    case Code::kInternal: break;
  }
  return 500;
}

}  // namespace scissionlite::server::http
