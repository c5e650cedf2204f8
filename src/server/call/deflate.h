// Compressing what goes to a caller.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/call/inflate.h"

namespace scissionlite::server {

/// The parts one after the other, compressed as one: gzip, or zlib's form of deflate. The fastest level, since tensors compress little at any.
/// @param grown  is told the size of the result so far; what it throws passes through.
[[nodiscard]] std::string deflate(const std::vector<std::string_view>& parts, Coding coding, const std::function<void(size_t)>& grown = nullptr);

}  // namespace scissionlite::server
