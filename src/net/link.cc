#include "net/link.h"

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::net {
namespace {

constexpr const char* kGrammar =
    "expected RATE,RTT as \"58.8M,27.4ms\", or any of up=RATE down=RATE rtt=TIME jitter=TIME stall=TIME/TIME joined by commas; "
    "RATE is bit/s with k, M or G, TIME has the unit us, ms or s";

[[noreturn]] void fail(const std::string& text, const std::string& why) { throw InvalidArgument("[link] '" + text + "': " + why + "; " + kGrammar); }

double parse_time_us(const std::string& text, const std::string& whole) {
  size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) { fail(whole, "'" + text + "' is not a time"); }
  const std::string unit = text.substr(used);
  const double scale = unit == "us" ? 1 : unit == "ms" ? 1e3 : unit == "s" ? 1e6 : value == 0 ? 1 : -1;
  if (scale < 0) fail(whole, "'" + text + "' has no unit out of us, ms, s");
  if (!(value >= 0 && value * scale < 1e12)) fail(whole, "time '" + text + "' is out of range");
  return value * scale;
}

double parse_rate(const std::string& text, const std::string& whole) {
  if (text == "unlimited") return 0;
  double rate = 0;
  try {
    rate = parse_scaled(text, "rate");
  } catch (const InvalidArgument& e) { fail(whole, "'" + text + "' is not a rate"); }
  if (rate >= 0 && rate < 1)
    fail(whole, "a rate below 1 bit/s carries nothing; write unlimited for no bound, or black_hole in a trace for an outage");
  if (!(rate > 0 && rate < 1e15)) fail(whole, "rate '" + text + "' is out of range");
  return rate;
}

void set_field(LinkOptions& options, const std::string& key, const std::string& value, const std::string& whole) {
  if (key == "up") {
    options.up_bps = parse_rate(value, whole);
  } else if (key == "down") {
    options.down_bps = parse_rate(value, whole);
  } else if (key == "rtt") {
    options.rtt_us = parse_time_us(value, whole);
  } else if (key == "jitter") {
    options.jitter_us = parse_time_us(value, whole);
  } else if (key == "stall") {
    const auto parts = split(value, '/');
    if (parts.size() != 2) fail(whole, "stall needs EVERY/FOR, as stall=1s/50ms");
    options.stall_every_us = parse_time_us(parts[0], whole);
    options.stall_for_us = parse_time_us(parts[1], whole);
    if (options.stall_for_us >= options.stall_every_us) fail(whole, "a stall must be shorter than its period");
  } else {
    fail(whole, "unknown key '" + key + "'" + did_you_mean(key, {"up", "down", "rtt", "jitter", "stall"}));
  }
}

std::string format_number(double value) {
  std::string text = format_fixed(value, 3);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

std::string format_rate(double bps) {
  if (bps <= 0) return "unlimited";
  return bps < 1e3 ? format_number(bps) : format_number(bps / 1e6) + "M";
}

}  // namespace

LinkOptions parse_link(const std::string& text) {
  LinkOptions options;
  if (text.empty()) fail(text, "is empty");
  const auto fields = split(text, ',');
  if (text.find('=') == std::string::npos) {
    if (fields.size() != 2) fail(text, "has " + std::to_string(fields.size()) + " fields");
    options.up_bps = options.down_bps = parse_rate(fields[0], text);
    options.rtt_us = parse_time_us(fields[1], text);
    return options;
  }
  for (const auto& field : fields) {
    const auto equals = field.find('=');
    if (equals == std::string::npos) fail(text, "'" + field + "' has no '='");
    set_field(options, field.substr(0, equals), field.substr(equals + 1), text);
  }
  return options;
}

std::string to_string(const LinkOptions& options) {
  std::string out;
  const std::string rtt = format_number(options.rtt_us / 1e3) + "ms";
  if (options.up_bps == options.down_bps && options.jitter_us <= 0 && options.stall_every_us <= 0) {
    out = format_rate(options.up_bps) + "," + rtt;
  } else {
    out = "up=" + format_rate(options.up_bps) + ",down=" + format_rate(options.down_bps) + ",rtt=" + rtt;
    if (options.jitter_us > 0) out += ",jitter=" + format_number(options.jitter_us / 1e3) + "ms";
    if (options.stall_every_us > 0)
      out += ",stall=" + format_number(options.stall_every_us / 1e3) + "ms/" + format_number(options.stall_for_us / 1e3) + "ms";
  }
  return out + (options.black_hole ? " (black hole)" : "");
}

}  // namespace scissionlite::net
