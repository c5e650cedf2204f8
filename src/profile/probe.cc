#include "profile/probe.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/text.h"

namespace scissionlite {
namespace {

double now_us(ProbeTarget& target) { return target.clock().now_us(); }

template <typename Body>
double time_us(ProbeTarget& target, Body&& body) {
  const double start_us = now_us(target);
  body();
  return now_us(target) - start_us;
}

struct Line {
  double intercept, slope;
};

Line sen_line(const std::vector<Point>& points) {
  std::vector<double> slopes, offsets;
  for (size_t i = 0; i < points.size(); ++i)
    for (size_t j = i + 1; j < points.size(); ++j)
      if (points[i].x != points[j].x) slopes.push_back((points[j].y - points[i].y) / (points[j].x - points[i].x));
  const double slope = median(slopes);
  for (const auto& p : points) offsets.push_back(p.y - slope * p.x);
  return {median(offsets), slope};
}

Interval middle_95(const std::vector<double>& values) { return {percentile(values, 2.5), percentile(values, 97.5)}; }

double send_time_us(ProbeTarget& target, int64_t bytes) {
  target.prepare(bytes);
  return time_us(target, [&] { target.send(bytes); });
}

/// Round trips: many when they are short, a few when they are long.
std::vector<double> ping_times(ProbeTarget& target, double budget_us) {
  constexpr int kFewest = 10, kMost = 200;
  std::vector<double> times;
  for (int warm_up = 0; warm_up < 3; ++warm_up) target.ping();
  const double start_us = now_us(target);
  while (static_cast<int>(times.size()) < kMost && (static_cast<int>(times.size()) < kFewest || now_us(target) - start_us < budget_us))
    times.push_back(time_us(target, [&] { target.ping(); }));
  return times;
}

/// Sizes that double from 4 kB until a message takes `longest_message_us`.
std::vector<int64_t> choose_sizes(ProbeTarget& target, const ProbeOptions& o) {
  constexpr int64_t kSmallest = 4096;
  std::vector<int64_t> sizes;
  for (int64_t bytes = kSmallest; bytes <= o.largest_bytes; bytes *= 2) {
    sizes.push_back(bytes);
    if (send_time_us(target, bytes) > o.longest_message_us && sizes.size() >= 3) break;
  }
  return sizes;
}

/// Rounds through the sizes, so that a slow moment of the link meets all of them.
std::vector<Point> upload_points(ProbeTarget& target, const ProbeOptions& o, const std::vector<int64_t>& sizes, double end_us) {
  constexpr int kFewestRounds = 3, kMostRounds = 12;
  Progress progress("probing " + o.address, kMostRounds);
  std::vector<Point> points;
  for (int round = 0; round < kMostRounds && (round < kFewestRounds || now_us(target) < end_us); ++round) {
    for (const int64_t bytes : sizes) points.push_back({static_cast<double>(bytes), send_time_us(target, bytes)});
    progress.advance();
  }
  return points;
}

/// The way back from a model's answers: what the call takes beyond the round trip, the way there and the computing.
void measure_down(ProbeTarget& target, const ProbeOptions& o, const LineFit& up, ProbeResult& out) {
  constexpr int kRepeats = 9;
  constexpr double kFewestBytes = 32e3;
  std::vector<double> rates;
  for (int i = 0; i <= kRepeats; ++i) {
    ProbeTarget::Reply reply;
    const double us = time_us(target, [&] { reply = target.ask(o.model); });
    const auto bytes = static_cast<double>(reply.response_bytes);
    if (bytes < kFewestBytes) {
      out.note = "an answer of '" + o.model + "' has only " + format_bytes(bytes) +
                 ", too little to measure the way back; it is taken as fast as the way there";
      return;
    }
    if (reply.compute_us <= 0) {
      out.note = "this server does not tell its computing time, so the way back cannot be measured; it is taken as fast as the way there";
      return;
    }
    const double back_us = us - up.intercept - up.slope * static_cast<double>(reply.request_bytes) - reply.compute_us;
    if (i > 0 && back_us > 0) rates.push_back(bytes * 8e6 / back_us);
  }
  if (rates.size() < 3) return;
  out.link.down_bps = median(rates);
  out.down_ci = median_interval(rates);
  out.down_measured = true;
  out.note.clear();
}

}  // namespace

LineFit fit_line(const std::vector<Point>& points, uint64_t seed) {
  const bool varies = std::any_of(points.begin(), points.end(), [&](const auto& p) { return p.x != points.front().x; });
  if (!varies) throw InvalidArgument("[probe] a line needs points of at least two sizes, got " + std::to_string(points.size()) + " of one");
  const auto line = sen_line(points);
  constexpr int kRepeats = 400;
  std::vector<double> slopes, intercepts;
  Rng rng(seed);
  for (int i = 0; i < kRepeats; ++i) {
    std::vector<Point> sample;
    for (size_t k = 0; k < points.size(); ++k) sample.push_back(points[rng.below(points.size())]);
    if (std::all_of(sample.begin(), sample.end(), [&](const auto& p) { return p.x == sample.front().x; })) continue;
    const auto again = sen_line(sample);
    slopes.push_back(again.slope);
    intercepts.push_back(again.intercept);
  }
  return {.intercept = line.intercept, .slope = line.slope, .intercept_ci = middle_95(intercepts), .slope_ci = middle_95(slopes)};
}

ProbeResult probe(ProbeTarget& target, const ProbeOptions& o) {
  constexpr double kFastestBps = 1e12;  // faster than this cannot be told from no time at all
  ProbeResult out;
  const double start_us = now_us(target);
  const auto pings = ping_times(target, o.time_limit_us * 0.1);
  const auto sizes = choose_sizes(target, o);
  out.up_points = upload_points(target, o, sizes, start_us + o.time_limit_us);
  const auto line = fit_line(out.up_points);
  const auto rate_bps = [&](double slope) { return slope > 8e6 / kFastestBps ? 8e6 / slope : kFastestBps; };
  // A request's own header is the planner's business, and takes long on slow links.
  const double header_us = kMessageOverheadBytes * 8e6 / rate_bps(line.slope);
  out.link = {.from = o.from,
              .to = o.to,
              .rtt_us = median(pings),
              .up_bps = rate_bps(line.slope),
              .down_bps = rate_bps(line.slope),
              .per_call_us = std::max(0.0, line.intercept - median(pings) - header_us),
              .n = static_cast<int64_t>(pings.size() + out.up_points.size())};
  out.rtt_ci = median_interval(pings);
  out.up_ci = out.down_ci = {rate_bps(line.slope_ci.high), rate_bps(line.slope_ci.low)};
  out.note = "the way back is taken as fast as the way there; give --model NAME with large answers to measure it";
  if (!o.model.empty()) measure_down(target, o, line, out);
  return out;
}

}  // namespace scissionlite
