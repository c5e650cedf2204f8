// Quantities as people write them in options: "50ms", "0.2 s", "80% of local", "20k", "1.5 MB".
#pragma once

#include <string>

namespace scissionlite::planner {

/// A time in us, s, ms or us ("50ms", "0.2 s"). @throws InvalidArgument naming `what`.
[[nodiscard]] double parse_time_us(const std::string& text, const std::string& what);

/// An absolute time in microseconds, or a share of the local-only latency ("80%", "80 % of local", "0.8 of local").
struct TimeLimit {
  double value = 0;  // us, or the share
  bool is_share = false;
};
[[nodiscard]] TimeLimit parse_time_limit(const std::string& text, const std::string& what);

/// Bytes: "20000", "20k", "20 kB", "1.5M", powers of 1000.
[[nodiscard]] double parse_bytes(const std::string& text, const std::string& what);
/// A share: "0.97" or "97%".
[[nodiscard]] double parse_share(const std::string& text, const std::string& what);
/// Decibels of at least 0: "20", "20dB", "19.5 dB".
[[nodiscard]] double parse_decibels(const std::string& text, const std::string& what);
/// "58.8M", "58.8 Mbit/s".
[[nodiscard]] double parse_rate_bps(const std::string& text, const std::string& what);
/// "58.8 Mbit/s".
[[nodiscard]] std::string format_rate(double rate_bps);

}  // namespace scissionlite::planner
