// Measuring a link with the messages that will use it: round-trip time and bandwidth to a running edge.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/stats.h"
#include "profile/network.h"
#include "protocol/tls.h"

namespace scissionlite {

struct ProbeOptions {
  std::string address;  // "edge-1:8001"
  std::string from = "device", to = "edge";
  std::string model;  // its answers measure the way back; "": the way back is taken as fast as the way there
  double time_limit_us = 20e6;
  protocol::Security security;
  int64_t largest_bytes = 4 << 20;    // of a request
  double longest_message_us = 300e3;  // sizes stop growing here
};

/// A straight line through (bytes, time) points, robust against outliers: medians of slopes and offsets
/// (P. K. Sen, JASA 63 (1968), 1379-1389). Intervals hold 95 % of 400 bootstrap repeats.
struct LineFit {
  double intercept = 0, slope = 0;
  Interval intercept_ci, slope_ci;
};
struct Point {
  double x = 0, y = 0;
};
/// @throws InvalidArgument with fewer than two different x.
[[nodiscard]] LineFit fit_line(const std::vector<Point>& points, uint64_t seed = 1);

struct ProbeResult {
  Link link;
  Interval rtt_ci, up_ci, down_ci;  // microseconds, bit/s
  bool down_measured = false;
  std::vector<Point> up_points;  // payload bytes and microseconds of each request
  std::string note;              // what was assumed
};

/// What is asked of a server; tests put a link model in its place.
class ProbeTarget {
 public:
  virtual ~ProbeTarget() = default;
  /// An empty request and its answer: ServerLive.
  virtual void ping() = 0;
  /// A request with `bytes` of payload that any server answers at once: inference with a model that does not exist.
  virtual void send(int64_t bytes) = 0;
  /// Makes that payload, so that `send` does not spend time on it.
  virtual void prepare(int64_t bytes) = 0;
  /// One inference; returns the answer's bytes and, as far as the server tells, its compute time in microseconds.
  struct Reply {
    int64_t request_bytes = 0, response_bytes = 0;
    double compute_us = 0;
  };
  [[nodiscard]] virtual Reply ask(const std::string& model) = 0;
  /// What its times are taken with.
  [[nodiscard]] virtual Clock& clock() { return Clock::steady(); }
};
/// @throws TransportError when nobody answers.
[[nodiscard]] std::unique_ptr<ProbeTarget> make_probe_target(const std::string& address, const protocol::Security& security = {});

/// @throws TransportError when the edge goes away.
[[nodiscard]] ProbeResult probe(ProbeTarget& target, const ProbeOptions& options);

}  // namespace scissionlite
