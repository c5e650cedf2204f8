#include "server/http/meant_model.h"

#include <string>
#include <utility>

#include "base/json_filter.h"
#include "inference.pb.h"
#include "server/http/json_data.h"
#include "server/inference/validate_internal.h"

namespace scissionlite::server::http {
namespace {

using Event = Json::parse_event_t;

constexpr const char* kHash = "model_sha256";

/// Follows the parser to {"parameters": {"model_sha256": "..."}} and keeps nothing else.
class HashFinder {
 public:
  bool operator()(int depth, Event event, const Json& parsed) {
    switch (event) {
      case Event::key: return on_key(depth, parsed);
      case Event::value: return on_value(depth, parsed);
      case Event::object_start: return depth == 0 || (depth == 1 && is_parameters_);
      case Event::array_start: return false;
      default: return true;
    }
  }
  std::string sha256;

 private:
  bool on_key(int depth, const Json& key) {
    check_value_count(++keys_);
    const auto& text = key.get_ref<const std::string&>();
    if (depth == 1) is_parameters_ = text == "parameters";
    is_hash_ = depth == 2 && is_parameters_ && text == kHash;
    return is_hash_ || (depth == 1 && is_parameters_);
  }
  bool on_value(int depth, const Json& value) {
    if (depth == 2 && is_hash_ && value.is_string()) sha256 = value.get<std::string>();
    return false;
  }

  int keys_ = 0;
  bool is_parameters_ = false, is_hash_ = false;  // the keys that were read last
};

/// "" where the request has none.
std::string meant_sha256(std::string_view json) {
  if (json.find('"' + std::string(kHash) + '"') == std::string_view::npos) return "";
  HashFinder finder;
  (void)parse_json_filtered(json, "the request", [&](int depth, Event event, Json& parsed) { return finder(depth, event, parsed); });
  return std::move(finder.sha256);
}

}  // namespace

std::shared_ptr<Model> meant_model(Repository& repository, const std::shared_ptr<Model>& usual, const std::string& version, std::string_view json) {
  const auto sha256 = meant_sha256(json);
  if (sha256.empty() || usual->interface().sha256 == sha256) return usual;
  auto model = repository.find(usual->interface().name, version, sha256);
  if (model->interface().sha256 == sha256) return model;
  const auto request = std::make_shared<inference::ModelInferRequest>();
  (*request->mutable_parameters())[kHash].set_string_param(sha256);
  (void)check_request(request, model->interface());  // which refuses it
  return model;
}

}  // namespace scissionlite::server::http
