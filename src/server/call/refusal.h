// A request that is not answered with a result, as a value with a gRPC status code.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace scissionlite::server {

/// gRPC's numbers, so that no table is needed between the two.
enum class Code {
  kOk = 0,
  kCancelled = 1,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16,
};

/// "invalid_argument": as metrics name it.
[[nodiscard]] const char* code_name(Code code);

/// How many requests were not answered with a result, by code; of every front end.
class RefusalCounts {
 public:
  static constexpr int kCodes = 17;
  void add(Code code) { ++counts_[static_cast<size_t>(code)]; }
  [[nodiscard]] uint64_t of(Code code) const { return counts_[static_cast<size_t>(code)]; }

 private:
  std::array<std::atomic<uint64_t>, kCodes> counts_{};
};

/// Thrown by whatever finds that a request cannot be served; the text is what the client reads.
class Refusal : public std::runtime_error {
 public:
  Refusal(Code code, const std::string& message, double retry_after_us = 0)
      : std::runtime_error(message), code_(code), retry_after_us_(retry_after_us) {}
  [[nodiscard]] Code code() const { return code_; }
  /// When another try may do better; 0: no hint.
  [[nodiscard]] double retry_after_us() const { return retry_after_us_; }

 private:
  Code code_;
  double retry_after_us_;
};

/// The exception in flight as a Refusal: Errors of the library by their code, anything else as kInternal. Call it in a
/// catch block.
[[nodiscard]] Refusal current_refusal();

}  // namespace scissionlite::server
