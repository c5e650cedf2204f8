// One simulated run: devices with cameras, each with a link of its own to one edge.
//
// Control is `run`'s: a Controller a device and a Breaker a plan. What stands around them here is what Offloader and EdgeSession do with threads and
// sockets: one image at a time, calls that are given up at their budget, answers matched by number, checks of the tail behind every new connection.
// Promises that are checked at every step: each accepted image gets exactly one answer or one error; none past its deadline without a cause; none
// from another tail; queues stay within their bounds.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "control/breaker.h"
#include "control/controller.h"
#include "simulate/summary.h"
#include "simulate/trace.h"

namespace scissionlite::simulate {

struct WorldOptions {
  std::vector<control::PlanTraits> plans;  // what is true of them, on an idle edge
  control::ControllerOptions controller{};
  control::BreakerOptions breaker{};
  int devices = 1;
  double period_us = 200e3;  // of a camera's images
  size_t device_queue = 4;   // images that wait for the device
  size_t edge_queue = 64;    // requests that wait for the edge
  double answer_bytes = 300;
  double check_timeout_us = 2e6;
  double noise = 0.05;  // of times on device and edge, standard deviation as a share
  bool keeps_latencies = false;
  uint64_t seed = 1;
};

/// @throws InvalidArgument: options out of range.
[[nodiscard]] Summary simulate(const WorldOptions& options, const Trace& trace);

/// What an oracle that knows the link at every moment would need in the mean: each image by the plan that is fastest then, never waiting in vain. No
/// device waits for another one. Moments when no plan answers are left out; infinity where that is always.
[[nodiscard]] double oracle_latency_us(const WorldOptions& options, const Trace& trace);
/// Of each plan when it is never left.
[[nodiscard]] std::vector<Summary> fixed_runs(const WorldOptions& options, const Trace& trace);

}  // namespace scissionlite::simulate
