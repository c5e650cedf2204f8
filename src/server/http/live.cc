#include "server/http/live.h"

#include <algorithm>

namespace scissionlite {
extern const char* const kLivePage;
extern const char* const kLiveStyle;
extern const char* const kLiveScript;
}  // namespace scissionlite

namespace scissionlite::server::http {
namespace {

struct File {
  const char *name, *type;
  const char* const* text;  // nullptr: the data
};
constexpr File kFiles[] = {
    {"live", "text/html; charset=utf-8", &kLivePage},
    {"live.css", "text/css; charset=utf-8", &kLiveStyle},
    {"live.js", "text/javascript; charset=utf-8", &kLiveScript},
    {"live.json", "application/json", nullptr},
};

const File* file_of(const std::vector<std::string>& path) {
  if (path.size() != 1) return nullptr;
  const auto* found = std::find_if(std::begin(kFiles), std::end(kFiles), [&](const auto& file) { return path[0] == file.name; });
  return found == std::end(kFiles) ? nullptr : found;
}

}  // namespace

bool is_live(const std::vector<std::string>& path) { return file_of(path) != nullptr; }

Response live_response(const std::vector<std::string>& path, const std::function<Json()>& data) {
  const auto& file = *file_of(path);
  Response out = file.text ? Response{.content_type = file.type, .fields = {}, .body = *file.text, .blobs = {}} : json_response(data());
  // Nothing but these files runs or loads, whatever a name holds, and no other page may frame this one.
  out.fields = {
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Cache-Control", "no-store"}};
  return out;
}

}  // namespace scissionlite::server::http
