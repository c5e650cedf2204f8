// The runner: one edge process, one device process a candidate, the emulated link between them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/results.h"
#include "net/link.h"
#include "planner/plan.h"
#include "transfer/fitted.h"

namespace scissionlite {

struct BenchOptions {
  fs::path model;
  fs::path input_spec;
  std::optional<Plan> plan;                  // its predictions stand beside the measurements
  std::vector<std::string> candidates;       // keys; "local" is added, it is what speed-up is measured against
  transfer::Shelf shelf;                     // TLs fitted beforehand
  std::vector<fs::path> fit_images, images;  // learned TLs are fitted on the first, everything is measured on the second
  net::LinkOptions link;
  double device_slow = 1;
  std::string device_engine, edge_engine;  // "" = default_backend()
  int device_threads = 1, edge_threads = 0;
  int max_cut_tensors = 3;
  int block = 5;      // images in a row with one candidate, before the next one's turn
  int in_flight = 0;  // over 1: throughput is measured too, with so many requests at once
  fs::path keep;      // folder for packages and logs; "" = a temporary one, removed at the end
  std::string command;
};

/// Measures every candidate on every image, in blocks that take turns, so that a machine that drifts does so under all of
/// them; the first image of each block runs twice and counts once. A candidate that cannot run gets a row with its error.
/// Agreement is with the uncut model, run here.
/// @throws InvalidArgument for options that do not fit, TransportError when the edge process does not start.
/// Cost: images * candidates * latency, plus preparing.
[[nodiscard]] BenchResults run_bench(const BenchOptions& options);

/// Keys of the candidates that compete by default: local, the best of every family of the plan, the chosen one.
[[nodiscard]] std::vector<std::string> family_keys(const Plan& plan);
/// Those, and all of the plan's best list.
[[nodiscard]] std::vector<std::string> all_keys(const Plan& plan);

/// The table that people read: one row a candidate, fastest first.
[[nodiscard]] std::string format_bench(const BenchResults& results);

}  // namespace scissionlite
