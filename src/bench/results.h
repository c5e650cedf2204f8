// Bench: local, edge-only and every planned split through the real processes, the emulated link and the slow device.
//
// What lives here: bench.json (this file) and the runner (bench.h). Relies on device, server, planner. Start here.
#pragma once

#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/json.h"
#include "base/stats.h"

namespace scissionlite {

/// One candidate as it really ran, medians over images, in microseconds.
struct BenchRow {
  std::string key, family;
  int64_t n = 0;
  double latency_median_us = 0, latency_p95_us = 0;
  Interval latency_ci;
  double predicted_us = 0;  // by the plan, same candidate; 0 when none
  // parts, medians
  double preprocess_us = 0, head_us = 0, encode_us = 0, wire_us = 0, decode_us = 0, tail_us = 0, other_us = 0;
  double bytes_mean = 0, bytes_p95 = 0;
  double throughput_ips = 0;  // pipelined; 0 when not measured
  double agreement = -1;      // same top-1 as the uncut model on these images
  Interval agreement_interval;
  int64_t agreement_n = 0;
  double speedup_over_local = 0;
  std::string error;  // why it could not run
};
struct BenchResults {  // "scissionlite.bench/1"
  std::string model_name, model_sha256;
  MachineInfo machine;
  std::string device_engine, edge_engine;
  double link_rtt_us = 0, link_up_bps = 0, link_down_bps = 0;
  double device_slowdown = 1;
  std::vector<BenchRow> rows;
  std::string command, commit;
};
[[nodiscard]] Json to_json(const BenchResults& results);
/// @throws InvalidArgument with the field's path.
[[nodiscard]] BenchResults bench_from_json(const Json& json, const std::string& where);
[[nodiscard]] BenchResults load_bench(const fs::path& path);

}  // namespace scissionlite
