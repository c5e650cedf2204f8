#include "server/access/quotas.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "server/call/retry_hint.h"

namespace scissionlite::server {
namespace {

constexpr size_t kMostAccounts = 10'000;  // on a plain network anyone can come from many addresses
constexpr double kIdleUs = 60e6;

}  // namespace

void Quotas::forget_idle(double now_us) {
  auto& accounts = shared_->accounts;
  if (accounts.size() < kMostAccounts) return;
  std::erase_if(accounts, [&](const auto& one) { return one.second.usage.in_flight == 0 && now_us - one.second.filled_us > kIdleUs; });
}

Ticket Quotas::admit(const std::string& identity, const Quota& quota, OverQuota& over) {
  const double now_us = clock_.now_us();
  const std::lock_guard lock(shared_->mutex);
  if (shared_->accounts.count(identity) == 0) {
    forget_idle(now_us);
    if (shared_->accounts.size() >= kMostAccounts) {
      over = {.reason = "more than " + std::to_string(kMostAccounts) + " callers are counted already", .retry_after_us = retry_hint_us(kIdleUs)};
      return {};
    }
  }
  auto& account = shared_->accounts[identity];
  if (account.is_new) account.tokens = quota.burst, account.is_new = false;
  else account.tokens = std::min(quota.burst, account.tokens + quota.requests_per_second * (now_us - account.filled_us) * 1e-6);
  account.filled_us = now_us;
  if (quota.in_flight > 0 && account.usage.in_flight >= quota.in_flight) {
    over.reason =
        std::to_string(account.usage.in_flight) + " requests of '" + identity + "' are in flight, its quota is " + std::to_string(quota.in_flight);
    over.retry_after_us = retry_hint_us((account.mean_held_us > 0 ? account.mean_held_us : kFirstGuessUs) / static_cast<double>(quota.in_flight));
  } else if (quota.requests_per_second > 0 && account.tokens < 1) {
    over.reason = "'" + identity + "' asks for more than its quota of " + Json(quota.requests_per_second).dump() + " requests a second";
    over.retry_after_us = retry_hint_us((1 - account.tokens) / quota.requests_per_second * 1e6);
  } else {
    if (quota.requests_per_second > 0) account.tokens -= 1;
    ++account.usage.admitted, ++account.usage.in_flight;
    return Ticket([shared = shared_, &clock = clock_, identity, now_us] {
      const double held_us = clock.now_us() - now_us;
      const std::lock_guard again(shared->mutex);
      auto& of = shared->accounts[identity];
      --of.usage.in_flight;
      of.mean_held_us += (held_us - of.mean_held_us) * (of.mean_held_us == 0 ? 1 : 0.1);
    });
  }
  ++account.usage.refused;
  return {};
}

std::map<std::string, Usage> Quotas::usage() const {
  std::map<std::string, Usage> out;
  const std::lock_guard lock(shared_->mutex);
  for (const auto& [identity, account] : shared_->accounts) out[identity] = account.usage;
  return out;
}

}  // namespace scissionlite::server
