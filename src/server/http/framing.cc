#include "server/http/framing.h"

#include <boost/algorithm/string/predicate.hpp>
#include <string>

#include "server/call/names.h"

namespace scissionlite::server::http {

std::optional<HttpError> objection_to(const boost::beast::http::header<true>& fields) {
  using boost::beast::http::field;
  const bool is_1_1 = fields.version() != 10;
  if (const auto hosts = fields.count(field::host); is_1_1 && hosts != 1)
    return HttpError(400, "the request has " + std::to_string(hosts) + " Host fields, expected one");
  for (const char* name : {"Content-Length", "Content-Encoding", "Inference-Header-Content-Length"})
    if (const auto lines = fields.count(name); lines > 1)
      return HttpError(400, std::string("the request has ") + std::to_string(lines) + " " + name + " fields, expected one");
  if (fields[field::content_length].find(',') != boost::beast::string_view::npos)
    return HttpError(400, "the request has several lengths in its Content-Length field, expected one");
  const auto codings = fields.count(field::transfer_encoding);
  if (codings == 0) return std::nullopt;
  const auto coding = fields[field::transfer_encoding];
  const std::string_view text(coding.data(), coding.size());
  if (!is_1_1 || fields.count(field::content_length) > 0)
    return HttpError(400, "a body in chunks must not have a Content-Length, nor belong to an HTTP/1.0 request");
  if (codings == 1 && boost::algorithm::iequals(text, "chunked")) return std::nullopt;
  const bool ends_in_chunks = codings == 1 && boost::algorithm::iends_with(text, "chunked");
  return HttpError(ends_in_chunks ? 501 : 400,
                   "Transfer-Encoding '" + printable(text) + "' is not supported, expected chunked; a compressed body says so in Content-Encoding");
}

}  // namespace scissionlite::server::http
