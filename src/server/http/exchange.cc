#include "server/http/exchange.h"

#include <algorithm>
#include <cmath>

#include "server/call/caller_internal.h"

namespace scissionlite::server::http {

std::string identity_of(const Caller& caller, protocol::TlsEnd* tls) {
  return caller.certificate.empty() ? caller.address : server::identity_of(caller.certificate, *tls);
}

std::string_view Request::field(const std::string& name) const {
  const auto it = fields.find(name);
  return it == fields.end() ? std::string_view{} : it->second;
}

Response json_response(const Json& json, int status) {
  return {.status = status, .fields = {}, .body = json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace), .blobs = {}};
}

Response error_response(int status, std::string_view message) { return json_response({{"error", message}}, status); }

void add_retry_hint(Response& response, double retry_after_us) {
  const auto whole = [](double value) { return std::to_string(std::max<int64_t>(1, static_cast<int64_t>(value))); };
  response.fields.emplace_back("Retry-After", whole(std::ceil(retry_after_us * 1e-6)));
  response.fields.emplace_back("Retry-After-Ms", whole(retry_after_us * 1e-3));
}

Response error_in_flight() {
  try {
    throw;
  } catch (const HttpError& error) { return error_response(error.status(), error.what()); } catch (...) {
    const auto refusal = current_refusal();
    auto response = error_response(http_status(refusal.code()), refusal.what());
    if (refusal.retry_after_us() > 0) add_retry_hint(response, refusal.retry_after_us());
    return response;
  }
}

int http_status(Code code) {
  switch (code) {
    case Code::kOk: return 200;
    case Code::kCancelled:
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition: return 400;
    case Code::kNotFound: return 404;
    case Code::kUnauthenticated: return 401;
    case Code::kPermissionDenied: return 403;
    case Code::kResourceExhausted: return 429;
    case Code::kUnavailable: return 503;
    case Code::kDeadlineExceeded: return 504;
    case Code::kInternal: break;
  }
  return 500;
}

}  // namespace scissionlite::server::http
