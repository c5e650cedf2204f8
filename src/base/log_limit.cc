#include "base/log_limit.h"

namespace scissionlite {
namespace {

constexpr size_t kMostKeys = 1000;  // keys come from peers: they may not fill the memory

}  // namespace

bool LogLimit::admits(const std::string& key, std::string& note) {
  const double now_us = clock_.now_us();
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kMostKeys) std::erase_if(entries_, [&](const auto& one) { return now_us - one.second.logged_us >= interval_us_; });
  if (entries_.size() >= kMostKeys && entries_.count(key) == 0) return false;
  const auto [found, is_new] = entries_.try_emplace(key);
  auto& entry = found->second;
  if (!is_new && now_us - entry.logged_us < interval_us_) {
    ++entry.left_out;
    return false;
  }
  note = entry.left_out > 0 ? " (and " + std::to_string(entry.left_out) + " times before)" : "";
  entry = {.logged_us = now_us, .left_out = 0};
  return true;
}

}  // namespace scissionlite
