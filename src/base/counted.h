// Counts in sentences.
#pragma once

#include <cstdint>
#include <string>

namespace scissionlite {

/// "1 image", "2 images", "0 images". @param one  a word that takes an s.
[[nodiscard]] inline std::string counted(int64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

}  // namespace scissionlite
