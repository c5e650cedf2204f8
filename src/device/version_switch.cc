#include "device/version_switch.h"

#include <utility>

namespace scissionlite::device {

Prepared VersionSwitch::prepare(Frame frame, bool keep) {
  auto version = current();
  auto out = version->plans().answerer().prepare(std::move(frame), keep);
  out.version = std::move(version);
  return out;
}

Answer VersionSwitch::finish(Prepared prepared) {
  const auto version = std::move(prepared.version);
  auto out = version->plans().answerer().finish(std::move(prepared));
  out.package = version->name();
  return out;
}

std::shared_ptr<Version> VersionSwitch::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::shared_ptr<Version> VersionSwitch::switch_to(std::shared_ptr<Version> next) {
  const std::lock_guard lock(mutex_);
  return std::exchange(current_, std::move(next));
}

}  // namespace scissionlite::device
