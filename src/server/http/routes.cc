#include "server/http/routes.h"

#include <boost/algorithm/string/predicate.hpp>
#include <optional>

#include "base/log.h"
#include "base/text.h"
#include "server/call/names.h"
#include "server/http/infer_internal.h"
#include "server/http/inflate.h"
#include "server/http/live.h"
#include "server/http/live_data.h"
#include "server/http/message_json.h"
#include "server/inference/answers_internal.h"

namespace scissionlite::server::http {
namespace {

using Path = std::vector<std::string>;

constexpr double kLoadRetryUs = 1e6;

/// A request that has found its route.
struct Call {
  const ServiceContext& context;
  Request& request;
  const Respond& respond;
  size_t body_bytes;  // what a compressed body may become
  std::string model, version;

  [[nodiscard]] std::string identity() const { return identity_of(request.caller, context.tls); }
  void answer(Response&& response) const {
    respond([response = std::make_shared<Response>(std::move(response))] { return std::move(*response); });
  }
  void answer(const google::protobuf::Message& message) const { answer(json_response(to_json(message))); }
  void answer_flag(const char* key, bool value, const char* error) const {
    Json json{{key, value}};
    if (!value) json["error"] = error;
    answer(json_response(json, value ? 200 : 400));  // clients look at the status; 400 is what Triton gives
  }
};

Cancel live(Call& call) {
  call.answer_flag("live", true, "");
  return {};
}

Cancel ready(Call& call) {
  call.answer_flag("ready", call.context.is_ready(), "the server is not ready");
  return {};
}

Cancel server_metadata(Call& call) {
  inference::ServerMetadataResponse out;
  answer_server_metadata(out);
  call.answer(out);
  return {};
}

Cancel model_metadata(Call& call) {
  inference::ModelMetadataResponse out;
  answer_metadata(call.context, call.identity(), call.model, call.version, out);
  call.answer(out);
  return {};
}

Cancel model_ready(Call& call) {
  call.answer_flag("ready", model_is_ready(call.context, call.identity(), call.model, call.version), "Model version not ready");
  return {};
}

Cancel model_config(Call& call) {
  inference::ModelConfig out;
  answer_config(call.context, call.identity(), call.model, call.version, out);
  call.answer(out);
  return {};
}

Cancel model_statistics(Call& call) {
  inference::ModelStatisticsResponse out;
  answer_statistics(call.context, call.identity(), call.model, call.version, out);
  call.answer(out);
  return {};
}

/// A few words at most, read on the thread that answers.
Json body_of(Call& call) {
  constexpr size_t kMostBytes = 64 << 10;
  inflate_request(call.request, std::min(call.body_bytes, kMostBytes));
  if (call.request.body.size() > kMostBytes) throw HttpError(413, "the body of this path has at most " + std::to_string(kMostBytes) + " bytes");
  return call.request.body.empty() ? Json::object() : parse_json(call.request.body, "the body");
}

Cancel repository_index(Call& call) {
  const Json body = body_of(call);
  inference::RepositoryIndexResponse out;
  answer_index(call.context, call.identity(), JsonReader(body, "the body").boolean_or("ready", false), out);
  const Json json = to_json(out);
  call.answer(json_response(json["models"]));
  return {};
}

/// `change` on the thread that loads; whatever goes wrong there is the server's, as Triton says.
template <typename Change>
Cancel answer_later(Call& call, Change change) {
  const bool queued = call.context.loader.submit([respond = call.respond, change = std::move(change)] {
    Response response;
    try {
      change();
    } catch (const std::exception& e) {
      log::error(std::string("[server] ") + e.what());
      response = error_response(500, e.what());
    }
    respond([response] { return response; });
  });
  if (!queued) throw Refusal(Code::kUnavailable, "too many loads are waiting; retry later", kLoadRetryUs);
  return {};
}

Cancel load(Call& call) {
  const auto identity = call.identity();
  check_control(call.context, identity, call.model);
  const Json body = body_of(call);
  check_overrides(body.is_object() && body.contains("parameters") && !body["parameters"].empty());
  return answer_later(call, [context = call.context, identity, name = call.model] { answer_load(context, identity, name); });
}

Cancel unload(Call& call) {
  check_control(call.context, call.identity(), call.model);
  return answer_later(call, [&repository = call.context.repository, name = call.model] { repository.unload(name); });
}

Cancel infer(Call& call) { return start_infer(call.context, std::move(call.request), call.model, call.version, call.body_bytes, call.respond); }

/// {m} and {v} stand for one part each. The first that fits is taken.
struct Route {
  const char *method, *pattern;
  Cancel (*run)(Call& call);
};
constexpr Route kRoutes[] = {
    {"GET", "v2", server_metadata},
    {"GET", "v2/health/live", live},
    {"GET", "v2/health/ready", ready},
    {"GET", "v2/models/stats", model_statistics},
    {"GET", "v2/models/{m}", model_metadata},
    {"GET", "v2/models/{m}/versions/{v}", model_metadata},
    {"GET", "v2/models/{m}/ready", model_ready},
    {"GET", "v2/models/{m}/versions/{v}/ready", model_ready},
    {"GET", "v2/models/{m}/config", model_config},
    {"GET", "v2/models/{m}/versions/{v}/config", model_config},
    {"GET", "v2/models/{m}/stats", model_statistics},
    {"GET", "v2/models/{m}/versions/{v}/stats", model_statistics},
    {"POST", "v2/models/{m}/infer", infer},
    {"POST", "v2/models/{m}/versions/{v}/infer", infer},
    {"POST", "v2/repository/index", repository_index},
    {"POST", "v2/repository/models/{m}/load", load},
    {"POST", "v2/repository/models/{m}/unload", unload},
};

bool fits(const Route& route, const Path& path, Call& call) {
  const auto pattern = split(route.pattern, '/');
  if (pattern.size() != path.size()) return false;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i].empty()) return false;  // no name: elsewhere "" stands for all models, or the newest version
    if (pattern[i] == "{m}") call.model = path[i];
    else if (pattern[i] == "{v}") call.version = path[i];
    else if (pattern[i] != path[i]) return false;
  }
  return true;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decode_percent(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1, low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) throw HttpError(400, "the path has a '%' without two hexadecimal digits behind it");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

Response method_not_allowed(const std::vector<std::string>& allowed) {
  auto response = error_response(405, "this path takes " + join(allowed, ", ") + " only");
  response.fields.emplace_back("Allow", join(allowed));
  return response;
}

Cancel answer_live(const Path& path, const Request& request, const Respond& respond, const LiveData& data) {
  if (request.method != "GET") respond([] { return method_not_allowed({"GET"}); });
  else respond([path, data, caller = request.caller] { return live_response(path, [&] { return data(caller); }); });
  return {};
}

/// A page of another site must not have its visitor's browser, which may hold a certificate, ask for anything but pages: browsers say where
/// a request comes from, other clients say nothing of it.
void refuse_other_sites(const Request& request) {
  const auto site = request.field("sec-fetch-site");
  const auto origin = request.field("origin");
  const auto host = origin.substr(std::min(origin.size(), origin.find("//") == std::string_view::npos ? 0 : origin.find("//") + 2));
  const bool is_same =
      site.empty() ? origin.empty() || boost::algorithm::iequals(host, request.field("host")) : site == "same-origin" || site == "none";
  if (!is_same)
    throw HttpError(403,
                    "a page of another site (Origin: " + (origin.empty() ? "not told" : printable(std::string(origin))) +
                        ") asks for this through its visitor's browser, which is not allowed; call from a program, or from a page of this server");
}

Cancel route(const ServiceContext& context, Request& request, size_t body_bytes, const Respond& respond) {
  const auto path = path_of(request.target);
  if (context.observer && is_live(path))
    return answer_live(path, request, respond, [context](const Caller& caller) { return live_json(context, identity_of(caller, context.tls)); });
  std::vector<std::string> allowed;
  for (const auto& candidate : kRoutes) {
    Call call{context, request, respond, body_bytes, {}, {}};
    if (!fits(candidate, path, call)) continue;
    if (request.method == candidate.method) {
      if (request.method != "GET") refuse_other_sites(request);
      return candidate.run(call);
    }
    allowed.emplace_back(candidate.method);
  }
  if (allowed.empty())
    throw HttpError(404, "there is nothing at this path; expected /v2, /v2/health/..., /v2/models/..., /v2/repository/... or /live");
  respond([allowed] { return method_not_allowed(allowed); });
  return {};
}

/// "/v2" of "http://edge:8000/v2", as proxies and some clients send it (RFC 9112, 3.2.2).
std::string_view without_origin(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (boost::algorithm::istarts_with(target, scheme)) {
      const auto path = target.find('/', scheme.size());
      return path == std::string_view::npos ? "/" : target.substr(path);
    }
  return target;
}

}  // namespace

Path path_of(std::string_view target) {
  target = without_origin(target);
  if (target.empty() || target[0] != '/') throw HttpError(400, "the request's target is no path");
  target = target.substr(1, target.find('?') == std::string_view::npos ? std::string_view::npos : target.find('?') - 1);
  if (!target.empty() && target.back() == '/') target.remove_suffix(1);
  Path parts;
  for (const auto& part : split(target, '/')) parts.push_back(decode_percent(part));
  return parts;
}

Handler api_handler(const ServiceContext& context, size_t body_bytes) {
  return [context, body_bytes](Request&& request, const Respond& respond) { return route(context, request, body_bytes, respond); };
}

Handler metrics_handler(std::function<std::string()> make, LiveData live) {
  return [make = std::move(make), live = std::move(live)](Request&& request, const Respond& respond) -> Cancel {
    const auto path = path_of(request.target);
    if (live && is_live(path)) return answer_live(path, request, respond, live);
    if (path != Path{"metrics"}) throw HttpError(404, std::string("there is nothing at this path; expected /metrics") + (live ? " or /live" : ""));
    if (request.method != "GET") respond([] { return method_not_allowed({"GET"}); });
    else respond([make] { return Response{.content_type = "text/plain; version=0.0.4; charset=utf-8", .fields = {}, .body = make(), .blobs = {}}; });
    return {};
  };
}

}  // namespace scissionlite::server::http
