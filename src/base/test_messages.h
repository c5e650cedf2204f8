// What tests say of errors.
#pragma once

#include <functional>
#include <string>

#include "base/error.h"

namespace scissionlite {

/// The message of the InvalidArgument that `body` throws; "" when it throws none.
inline std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const InvalidArgument& e) {
    return e.what();
  }
  return "";
}

}  // namespace scissionlite
