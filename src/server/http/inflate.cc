#include "server/http/inflate.h"

#include <boost/algorithm/string/predicate.hpp>

#include "server/call/inflate.h"
#include "server/call/names.h"

namespace scissionlite::server::http {

namespace {

enum class Kind { kNone, kGzip, kDeflate, kUnknown };

Kind kind_of(std::string_view coding) {
  const auto is = [coding](std::string_view name) { return boost::algorithm::iequals(coding, name); };
  if (coding.empty() || is("identity")) return Kind::kNone;
  if (is("gzip") || is("x-gzip")) return Kind::kGzip;
  return is("deflate") ? Kind::kDeflate : Kind::kUnknown;
}

}  // namespace

std::string inflate_body(std::string_view bytes, std::string_view coding, size_t limit_bytes) {
  const auto kind = kind_of(coding);
  if (kind == Kind::kNone) return std::string(bytes);
  if (kind == Kind::kUnknown)
    throw HttpError(415, "Content-Encoding '" + printable(coding) + "' is not supported; expected gzip, deflate or identity");
  try {
    return inflate(bytes, kind == Kind::kGzip ? Coding::kGzip : Coding::kDeflate, limit_bytes);
  } catch (const InflateError& e) { throw HttpError(e.is_too_large() ? 413 : 400, std::string("the body: ") + e.what()); }
}

bool is_compressed(const Request& request) { return kind_of(request.field("content-encoding")) != Kind::kNone; }

void inflate_request(Request& request, size_t limit_bytes) {
  if (is_compressed(request)) request.body = inflate_body(request.body, request.field("content-encoding"), limit_bytes);
}

}  // namespace scissionlite::server::http
