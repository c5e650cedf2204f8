// Compressed bytes of a caller, with a limit on what they become: a thousand times as many, else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace scissionlite::server {

enum class Coding { kGzip, kDeflate };  // deflate: zlib's form or raw

/// @throws InflateError as soon as the result would exceed `limit_bytes`, and for damaged or truncated data and bytes behind its end.
[[nodiscard]] std::string inflate(std::string_view bytes, Coding coding, size_t limit_bytes);

/// What `bytes` of compressed data can become, `limit_bytes` at most: deflate makes no more than 1032 bytes of one.
[[nodiscard]] constexpr int64_t most_inflated_bytes(int64_t bytes, int64_t limit_bytes) {
  constexpr int64_t kMostOfOne = 1032;
  return bytes < limit_bytes / kMostOfOne ? kMostOfOne * bytes : limit_bytes;
}

class InflateError : public std::runtime_error {
 public:
  InflateError(bool is_too_large, const std::string& message) : std::runtime_error(message), is_too_large_(is_too_large) {}
  [[nodiscard]] bool is_too_large() const { return is_too_large_; }

 private:
  bool is_too_large_;
};

}  // namespace scissionlite::server
