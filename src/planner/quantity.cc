#include "planner/quantity.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::planner {
namespace {

/// A number and what follows it without blanks. `ok` is false when there is no finite number at the front.
struct Parsed {
  double value = 0;
  std::string unit;
  bool ok = false;
};
Parsed parse(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  try {
    size_t used = 0;
    const double value = std::stod(text, &used);
    return {value, text.substr(used), std::isfinite(value)};
  } catch (const std::exception&) { return {}; }
}

[[noreturn]] void refuse(const std::string& what, const std::string& text, const std::string& expected) {
  throw InvalidArgument("[" + what + "] got '" + text + "', expected " + expected);
}

double scale_of(const std::string& unit, const std::string& suffix) {
  const std::string prefix = unit.size() >= suffix.size() && unit.ends_with(suffix) ? unit.substr(0, unit.size() - suffix.size()) : unit;
  return prefix.empty() ? 1 : prefix == "k" ? 1e3 : prefix == "M" ? 1e6 : prefix == "G" ? 1e9 : 0;
}

}  // namespace

double parse_time_us(const std::string& text, const std::string& what) {
  const auto parsed = parse(text);
  const double scale = parsed.unit == "us" ? 1 : parsed.unit == "ms" ? 1e3 : parsed.unit == "s" ? 1e6 : 0;
  if (!parsed.ok || scale == 0 || parsed.value < 0) refuse(what, text, "a time with its unit, as in '27.4ms', '0.2s' or '800us'");
  return parsed.value * scale;
}

TimeLimit parse_time_limit(const std::string& text, const std::string& what) {
  const auto parsed = parse(text);
  const bool share = parsed.unit == "%" || parsed.unit == "%oflocal" || parsed.unit == "oflocal";
  if (parsed.ok && share && parsed.value >= 0) return {parsed.unit[0] == '%' ? parsed.value / 100 : parsed.value, true};
  const double scale = parsed.unit == "us" ? 1 : parsed.unit == "ms" ? 1e3 : parsed.unit == "s" ? 1e6 : 0;
  if (!parsed.ok || scale == 0 || parsed.value < 0) refuse(what, text, "a time with its unit ('50ms') or a share of the local time ('80% of local')");
  return {parsed.value * scale, false};
}

double parse_bytes(const std::string& text, const std::string& what) {
  const auto parsed = parse(text);
  const double scale = scale_of(parsed.unit, "B");
  if (!parsed.ok || scale == 0 || parsed.value < 0) refuse(what, text, "a size in bytes, as in '20000', '20k' or '1.5 MB'");
  return parsed.value * scale;
}

double parse_share(const std::string& text, const std::string& what) {
  const auto parsed = parse(text);
  const double value = parsed.unit == "%" ? parsed.value / 100 : parsed.value;
  if (!parsed.ok || (parsed.unit != "%" && !parsed.unit.empty()) || value < 0 || value > 1)
    refuse(what, text, "a share from 0 to 1, as in '0.97' or '97%'");
  return value;
}

double parse_decibels(const std::string& text, const std::string& what) {
  const auto parsed = parse(text);
  if (!parsed.ok || (!parsed.unit.empty() && parsed.unit != "dB") || parsed.value < 0)
    refuse(what, text, "decibels of at least 0, as in '20' or '19.5 dB'");
  return parsed.value;
}

double parse_rate_bps(const std::string& text, const std::string& what) {
  const auto parsed = parse(text);
  const double scale = parsed.unit.ends_with("bit/s") ? scale_of(parsed.unit, "bit/s") : scale_of(parsed.unit, "bps");
  if (!parsed.ok || scale == 0 || parsed.value <= 0) refuse(what, text, "a rate in bit/s above 0, as in '58.8M' or '58.8 Mbit/s'");
  return parsed.value * scale;
}

std::string format_rate(double rate_bps) {
  const auto [scale, unit] = rate_bps >= 1e9   ? std::pair{1e9, " Gbit/s"}
                             : rate_bps >= 1e6 ? std::pair{1e6, " Mbit/s"}
                             : rate_bps >= 1e3 ? std::pair{1e3, " kbit/s"}
                                               : std::pair{1.0, " bit/s"};
  const double value = rate_bps / scale;
  return format_fixed(value, value < 10 ? 2 : value < 100 ? 1 : 0) + unit;
}

}  // namespace scissionlite::planner
