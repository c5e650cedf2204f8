// What tests say of errors.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"

namespace scissionlite {

/// The message of the error that `body` throws; "" when it throws none. Errors of other types go on.
template <typename E = InvalidArgument>
std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const E& e) { return e.what(); }
  return "";
}

}  // namespace scissionlite
