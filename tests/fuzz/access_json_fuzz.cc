// Any text is an access.json or an InvalidArgument; an accepted one survives writing and reading, and says of any identity what it may do: the first
// rule that matches it, or none.
#include "json_file.h"
#include "server/access/access_policy.h"

namespace {

using namespace scissionlite;

server::AccessPolicy checked_policy(const Json& json, const std::string& where) {
  auto policy = server::access_policy_from_json(json, where);
  for (const auto& rule : policy.rules)
    for (const auto& identity : rule.identities) {
      const auto* found = policy.rule_of(identity);  // a pattern need not match itself
      if (identity.find_first_of("*?[") == std::string::npos && (found == nullptr || found > &rule)) __builtin_trap();
    }
  return policy;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { return check_json_file(data, size, checked_policy); }
