#include "server/access/access.h"

#include "base/log.h"
#include "server/call/names.h"
#include "server/call/refusal.h"

namespace scissionlite::server {
namespace {

constexpr uint64_t kLargestFileBytes = 16 << 20;

[[noreturn]] void deny(const std::string& identity, const std::string& what) {
  throw Refusal(Code::kPermissionDenied, "'" + printable(identity) + "' may not " + what + "; the server's file of access (--access) says who may");
}

}  // namespace

Access::Access(fs::path file, Clock& clock) : file_(std::move(file)), quotas_(clock) {
  if (file_.empty()) return;
  policy_ = std::make_shared<const AccessPolicy>(read_access_policy(file_));
  text_ = seen_ = read_file(file_, kLargestFileBytes);
}

std::shared_ptr<const AccessPolicy> Access::policy() const {
  const std::lock_guard lock(mutex_);
  return policy_;
}

Ticket Access::admit(const std::string& identity) {
  const auto policy = this->policy();
  if (policy == nullptr) return {};
  const auto* rule = policy->rule_of(identity);
  if (rule == nullptr) deny(identity, "use this server");
  OverQuota over;
  auto ticket = quotas_.admit(identity, rule->quota, over);
  if (!over.reason.empty()) throw Refusal(Code::kResourceExhausted, over.reason, over.retry_after_us);
  return ticket;
}

bool Access::may_use(const std::string& identity, const std::string& model) const {
  const auto policy = this->policy();
  if (policy == nullptr) return true;
  const auto* rule = policy->rule_of(identity);
  return rule != nullptr && matches_any(rule->models, model);
}

void Access::check(const std::string& identity, const std::string& model) const {
  if (!may_use(identity, model)) deny(identity, "use model '" + printable(model) + "'");
}

void Access::check_control(const std::string& identity, const std::string& model) const {
  const auto policy = this->policy();
  if (policy == nullptr) return;
  const auto* rule = policy->rule_of(identity);
  if (rule == nullptr || !rule->may_control || !matches_any(rule->models, model)) deny(identity, "load or unload model '" + printable(model) + "'");
}

void Access::check_watch(const std::string& identity) const {
  const auto policy = this->policy();
  if (policy == nullptr) return;
  const auto* rule = policy->rule_of(identity);
  if (rule == nullptr || !rule->may_control) deny(identity, "see the live page");
}

bool Access::reload(bool is_asked_for) {
  if (file_.empty()) return false;
  std::string why, text;
  try {
    text = read_file(file_, kLargestFileBytes);
    {
      const std::lock_guard lock(mutex_);
      const bool is_settled = text == std::exchange(seen_, text);
      if (text == text_) rejected_.clear();
      if (text == text_ || (!is_asked_for && (!is_settled || text == rejected_))) return false;
    }
    auto policy = std::make_shared<const AccessPolicy>(read_access_policy(file_));
    const std::lock_guard lock(mutex_);
    policy_ = std::move(policy), text_ = std::move(text);
    rejected_.clear();
    log::warning("[access] '" + file_.string() + "' was read again: " + std::to_string(policy_->rules.size()) + " rules");
    return true;
  } catch (const std::exception& e) { why = e.what(); }
  if (text.empty()) text = why;
  const std::lock_guard lock(mutex_);
  if (text != rejected_ || is_asked_for) log::error("[access] the new rules are not taken, the old ones stay in use: " + why);
  rejected_ = std::move(text);
  return false;
}

}  // namespace scissionlite::server
