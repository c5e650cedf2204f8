#include "simulate/trace.h"

#include <array>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::simulate {
namespace {

constexpr const char* kSchema = "scissionlite.trace/1";
constexpr double kLongestS = 31'536'000;  // a year
constexpr double kLongestAwayS = 86400, kMostFlood = 1000;
constexpr int64_t kLastVersion = 1'000'000;
constexpr std::array<const char*, 12> kEvents{"edge_killed",     "edge_started", "edge_slower",   "edge_busy",        "tail_replaced", "tail_wrong",
                                              "connection_dead", "duplicates",   "device_slower", "device_suspended", "device_gone",   "flood"};

Event event_of(const std::string& text, const std::string& where) {
  for (size_t i = 0; i < kEvents.size(); ++i)
    if (text == kEvents[i]) return static_cast<Event>(i);
  const std::vector<std::string> names(kEvents.begin(), kEvents.end());
  throw InvalidArgument("[trace] " + where + ": unknown event '" + text + "'; expected one of " + join(names) + did_you_mean(text, names));
}

/// In seconds; never before the entry ahead.
double next_time(const JsonReader& entry, double last_s, const std::string& where) {
  const double at_s = entry.at("at_s").number();
  if (!(at_s >= last_s))
    throw InvalidArgument("[trace] " + where + ": " + format_fixed(at_s, 3) + " s stands behind " + format_fixed(last_s, 3) +
                          " s; expected entries in order of time");
  return at_s;
}

void check_value(const Happening& happening, const JsonReader& entry) {
  const double value = happening.value;
  const bool is_switch = happening.event == Event::kEdgeBusy || happening.event == Event::kTailWrong;
  if ((is_switch || happening.event == Event::kTailReplaced || happening.event == Event::kFlood) && !entry.has("value"))
    entry.fail("\"value\" is missing: without it nothing would happen");
  if (is_switch && value != 0 && value != 1) entry.fail("\"value\" is 1, or 0: no longer");
  if (happening.event == Event::kTailReplaced && !(value >= 0 && value <= kLastVersion && value == std::floor(value)))
    entry.fail("\"value\" is a version, a whole number from 0 to " + std::to_string(kLastVersion));
  if ((happening.event == Event::kEdgeSlower || happening.event == Event::kDeviceSlower) && !(value > 0 && value <= 1e6))
    entry.fail("\"value\" says how many times slower, above 0");
  if ((happening.event == Event::kDeviceSuspended || happening.event == Event::kDeviceGone) && !(value > 0 && value <= kLongestAwayS))
    entry.fail("\"value\" says for how many seconds, above 0 and at most " + format_fixed(kLongestAwayS, 0));
  if (happening.event == Event::kFlood && !(value >= 0 && value <= kMostFlood))
    entry.fail("\"value\" is a rate from 0 to " + format_fixed(kMostFlood, 0) + " requests a second");
  if (happening.event == Event::kDuplicates && !(value >= 0 && value <= 1)) entry.fail("\"value\" is a share from 0 to 1");
}

}  // namespace

const char* to_text(Event event) { return kEvents[static_cast<size_t>(event)]; }

Trace trace_from_json(const Json& json, const std::string& where) {
  const JsonReader reader(json, where);
  check_schema(json, "trace", 1, where);
  reader.allow_only({"schema", "duration_s", "link", "events", "about"});
  Trace out;
  double last_s = 0;
  for (const auto& entry : reader.at("link").elements()) {
    entry.allow_only({"at_s", "link", "loss", "black_hole"});
    last_s = next_time(entry, last_s, where);
    out.links.push_back({.at_us = last_s * 1e6, .link = net::parse_link(entry.at("link").text()), .loss = entry.number_or("loss", 0)});
    out.links.back().link.black_hole = entry.boolean_or("black_hole", false);
    if (!(out.links.back().loss >= 0 && out.links.back().loss < 1))
      throw InvalidArgument("[trace] " + where + ": the loss at " + format_fixed(last_s, 3) + " s is no share below 1");
  }
  if (out.links.empty() || out.links.front().at_us > 0) throw InvalidArgument("[trace] " + where + ": nothing says what the link is at 0 s");
  last_s = 0;
  if (reader.has("events"))
    for (const auto& entry : reader.at("events").elements()) {
      entry.allow_only({"at_s", "event", "value"});
      last_s = next_time(entry, last_s, where);
      out.events.push_back({.at_us = last_s * 1e6, .event = event_of(entry.at("event").text(), where), .value = entry.number_or("value", 0)});
      check_value(out.events.back(), entry);
    }
  const double duration_s = reader.at("duration_s").number();
  if (!(duration_s > 0 && duration_s <= kLongestS))
    throw InvalidArgument("[trace] " + where + ": duration_s is not above 0, or above " + format_fixed(kLongestS, 0) + ", a year");
  out.duration_us = duration_s * 1e6;
  return out;
}

Json to_json(const Trace& trace) {
  Json out{{"schema", kSchema}, {"duration_s", trace.duration_us / 1e6}, {"link", Json::array()}, {"events", Json::array()}};
  for (const auto& change : trace.links) {
    auto as_text = change.link;
    as_text.black_hole = false;
    Json entry{{"at_s", change.at_us * 1e-6}, {"link", net::to_string(as_text)}};
    if (change.link.black_hole) entry["black_hole"] = true;
    if (change.loss > 0) entry["loss"] = change.loss;
    out["link"].push_back(entry);
  }
  for (const auto& happening : trace.events)
    out["events"].push_back({{"at_s", happening.at_us * 1e-6}, {"event", to_text(happening.event)}, {"value", happening.value}});
  return out;
}

}  // namespace scissionlite::simulate
