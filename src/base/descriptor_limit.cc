#include "base/descriptor_limit.h"

#include <sys/eventfd.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/descriptor.h"

namespace scissionlite {
namespace {

constexpr rlim_t kMost = 65536;
constexpr int64_t kLast = 64;

}  // namespace

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kMost) return;
  limit.rlim_cur = std::min(limit.rlim_max, kMost);
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int64_t descriptor_limit() {
  rlimit limit{};
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= INT64_MAX ? static_cast<int64_t>(limit.rlim_cur) : INT64_MAX;
}

/// A new one has the lowest number that is free.
bool few_descriptors_are_left() {
  const Descriptor next(eventfd(0, EFD_CLOEXEC));
  const auto limit = descriptor_limit();
  return next.get() < 0 || next.get() >= limit - std::min(kLast, limit / 8);
}

}  // namespace scissionlite
