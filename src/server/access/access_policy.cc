#include "server/access/access_policy.h"

#include <fnmatch.h>

#include <algorithm>

namespace scissionlite::server {
namespace {

std::vector<std::string> patterns_at(const JsonReader& json, const std::string& key) {
  auto patterns = json.at(key).texts();
  if (patterns.empty()) json.at(key).fail("at least one pattern, as [\"*\"]");
  for (const auto& pattern : patterns)
    if (pattern.empty() || pattern.find('\0') != std::string::npos) json.at(key).fail("patterns that are not empty");
  return patterns;
}

Quota read_quota(const JsonReader& json) {
  Quota quota;
  constexpr double kLeastRate = 1e-3;  // one in a quarter of an hour; 0 would be no limit
  if (json.has("requests_per_second")) quota.requests_per_second = json.at("requests_per_second").number_at_least(kLeastRate);
  if (json.has("burst")) {
    if (quota.requests_per_second == 0) json.at("burst").fail("requests_per_second beside it");
    quota.burst = json.at("burst").number_at_least(1);
  }
  if (json.has("in_flight")) quota.in_flight = json.at("in_flight").integer();
  if (json.has("in_flight") && quota.in_flight < 1) json.at("in_flight").fail("at least 1 (leave it out for no limit)");
  return quota;
}

AccessRule read_rule(const JsonReader& json) {
  json.allow_only({"identities", "models", "requests_per_second", "burst", "in_flight", "may_control"});
  return {.identities = patterns_at(json, "identities"),
          .models = patterns_at(json, "models"),
          .quota = read_quota(json),
          .may_control = json.boolean_or("may_control", false)};
}

}  // namespace

bool matches_any(const std::vector<std::string>& patterns, const std::string& text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return fnmatch(pattern.c_str(), text.c_str(), FNM_NOESCAPE) == 0; });
}

const AccessRule* AccessPolicy::rule_of(const std::string& identity) const {
  const auto found = std::find_if(rules.begin(), rules.end(), [&](const auto& rule) { return matches_any(rule.identities, identity); });
  return found == rules.end() ? nullptr : &*found;
}

AccessPolicy access_policy_from_json(const Json& json, const std::string& where) {
  check_schema(json, "access", 1, where);
  const JsonReader reader(json, where);
  reader.allow_only({"schema", "rules"});
  AccessPolicy policy;
  for (const auto& rule : reader.at("rules").elements()) policy.rules.push_back(read_rule(rule));
  if (policy.rules.empty()) reader.at("rules").fail("at least one rule; without a file of access everybody may use everything");
  return policy;
}

Json to_json(const AccessPolicy& policy) {
  Json rules = Json::array();
  for (const auto& rule : policy.rules) {
    Json json{{"identities", rule.identities}, {"models", rule.models}};
    if (rule.quota.requests_per_second > 0) json["requests_per_second"] = rule.quota.requests_per_second, json["burst"] = rule.quota.burst;
    if (rule.quota.in_flight > 0) json["in_flight"] = rule.quota.in_flight;
    if (rule.may_control) json["may_control"] = true;
    rules.push_back(std::move(json));
  }
  return {{"schema", "scissionlite.access/1"}, {"rules", std::move(rules)}};
}

AccessPolicy read_access_policy(const fs::path& path) { return access_policy_from_json(read_json(path, "access", 1), path.string()); }

}  // namespace scissionlite::server
