#include "server/http/inflate.h"

#include "server/inflate.h"
#include "server/names.h"

namespace scissionlite::server::http {

std::string inflate_body(std::string_view bytes, std::string_view coding, size_t limit_bytes) {
  if (coding.empty() || coding == "identity") return std::string(bytes);
  if (coding != "gzip" && coding != "deflate")
    throw HttpError(415, "Content-Encoding '" + printable(coding) + "' is not supported; expected gzip, deflate or identity");
  try {
    return inflate(bytes, coding == "gzip" ? Coding::kGzip : Coding::kDeflate, limit_bytes);
  } catch (const InflateError& e) {
    throw HttpError(e.is_too_large() ? 413 : 400, std::string("the body: ") + e.what());
  }
}

bool is_compressed(const Request& request) {
  const auto coding = request.field("content-encoding");
  return !coding.empty() && coding != "identity";
}

void inflate_request(Request& request, size_t limit_bytes) {
  if (is_compressed(request)) request.body = inflate_body(request.body, request.field("content-encoding"), limit_bytes);
}

}  // namespace scissionlite::server::http
