#include "server/http/deflate.h"

#include <algorithm>
#include <boost/algorithm/string/predicate.hpp>
#include <boost/algorithm/string/trim.hpp>
#include <charconv>

#include "base/text.h"

namespace scissionlite::server::http {
namespace {

using boost::algorithm::iequals;

/// Of ";q=0.5" (RFC 9110, 12.4.2); 1 without one, 0 where it is none.
double weight_of(std::string_view parameters) {
  const auto text = boost::algorithm::trim_copy(std::string(parameters));
  if (text.empty()) return 1;
  if (!boost::algorithm::istarts_with(text, "q=")) return 0;
  double weight = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), weight, std::chars_format::fixed);
  return error == std::errc() && end == text.data() + text.size() && weight >= 0 && weight <= 1 ? weight : 0;
}

}  // namespace

std::optional<Coding> coding_asked_for(std::string_view accept_encoding) {
  double gzip = 0, deflate = 0, identity = 0;
  for (const auto& entry : split(std::string(accept_encoding), ',')) {
    const auto end = std::min(entry.find(';'), entry.size());
    const auto name = boost::algorithm::trim_copy(entry.substr(0, end));
    const double weight = weight_of(std::string_view(entry).substr(std::min(end + 1, entry.size())));
    if (iequals(name, "gzip") || iequals(name, "x-gzip")) gzip = weight;
    if (iequals(name, "deflate")) deflate = weight;
    if (iequals(name, "identity")) identity = weight;
  }
  const double largest = std::max(gzip, deflate);
  if (largest == 0 || largest < identity) return std::nullopt;
  return gzip == largest ? Coding::kGzip : Coding::kDeflate;
}

void deflate_response(Response& response, Coding coding, GrowingTicket& growth) {
  std::vector<std::string_view> parts{response.body};
  for (const auto& blob : response.blobs) parts.emplace_back(reinterpret_cast<const char*>(blob.data()), blob.size_bytes());
  auto compressed = deflate(parts, coding, [&, body_bytes = response.body.size()](size_t bytes) { growth.cover(body_bytes + bytes); });
  response.body = std::move(compressed);
  response.blobs.clear();
  response.fields.emplace_back("Content-Encoding", coding == Coding::kGzip ? "gzip" : "deflate");
}

}  // namespace scissionlite::server::http
