// One HTTP request and its answer as plain values; what reads and writes them from sockets is in server.h.
#pragma once

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/tensor.h"
#include "server/call/refusal.h"

namespace scissionlite::protocol {
class TlsEnd;
}

namespace scissionlite::server::http {

/// Who sent a request.
struct Caller {
  std::string address;      // as gRPC's front end tells it: "10.0.0.7", "::1"
  std::string certificate;  // in PEM; "" over plain text
};
/// Whose request it is, as Access knows it: the name in the certificate, over plain text the address. @param tls  of a server that asks for
/// certificates.
/// @throws Refusal kUnauthenticated: the certificate was revoked or expired since the connection was made.
[[nodiscard]] std::string identity_of(const Caller& caller, protocol::TlsEnd* tls);

struct Request {
  std::string method, target;                 // the target as it was sent: percent-encoded, with its query
  std::map<std::string, std::string> fields;  // names in lower case; lines of one name joined by ", "
  std::string body;
  Caller caller = {};

  /// "" when absent.
  [[nodiscard]] std::string_view field(const std::string& name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  std::vector<Tensor> blobs;  // their bytes follow the body
};

/// What only HTTP has a status for: 405, 411, 413, 415.
class HttpError : public std::runtime_error {
 public:
  HttpError(int status, const std::string& message) : std::runtime_error(message), status_(status) {}
  [[nodiscard]] int status() const { return status_; }

 private:
  int status_;
};

/// Makes the answer, on a thread of the front end; what it throws becomes an error.
using Make = std::function<Response()>;
/// To be called exactly once, from any thread.
using Respond = std::function<void(Make)>;
/// The caller has gone; may be empty.
using Cancel = std::function<void()>;
using Handler = std::function<Cancel(Request&& request, const Respond& respond)>;

[[nodiscard]] Response json_response(const Json& json, int status = 200);
/// {"error": "..."}; bytes that are not UTF-8 are replaced.
[[nodiscard]] Response error_response(int status, std::string_view message);
/// Says when another try may do better, in whole seconds and, because those are long, in milliseconds.
void add_retry_hint(Response& response, double retry_after_us);
/// Of the exception in flight; call it in a catch block.
[[nodiscard]] Response error_in_flight();
/// As Triton's HTTP front end maps codes; 429 and 504 for what it has no code for.
[[nodiscard]] int http_status(Code code);

}  // namespace scissionlite::server::http
