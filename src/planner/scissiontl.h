// The cost of the published ScissionTL tool, kept so that its published numbers can be reproduced.
//
//   T(x) = sum device[0..x] + sum edge[x+1..] + ping/1000 + tl_bytes[x] / round(Mbps * 125000)
//        + device.downsample[x] + device.convert[x] + edge.upsample[x] + edge.convert[x]
// over the cuts x that have a pool TL on both machines. No local-only, no edge-only, no way back. MB = 10^6 bytes.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace scissionlite::planner {

struct ScissionTlBlock {
  int64_t first_layer = 0, last_layer = 0;
  double time_s = 0;
  int64_t output_bytes = 0;
  bool has_tl = false;
  double downsample_s = 0, upsample_s = 0, convert_s = 0;
  int64_t tl_bytes = 0;
};
struct ScissionTlMachine {
  std::string name;
  std::vector<ScissionTlBlock> blocks;
};
struct ScissionTlData {
  std::string what;
  ScissionTlMachine device, edge;
};
struct ScissionTlLink {
  double ping_ms = 27.4, mbps = 58.8;  // of the published example
};
struct ScissionTlPlan {
  size_t block = 0;  // the cut lies after it
  double seconds = 0, device_s = 0, edge_s = 0, network_s = 0, tl_s = 0;
  double megabytes = 0;
  std::string ranges;  // "0-51 | 52-596": layer indices on device and edge
};

/// Strict: unknown keys, gaps between blocks, negative times, machines with different blocks are refused.
/// A TL is missing where "pool_tl" is absent, null, or has "bytes" 0.
/// @throws InvalidArgument with the field's path.
[[nodiscard]] ScissionTlData scissiontl_from_json(const Json& json, const std::string& where);
[[nodiscard]] ScissionTlData load_scissiontl(const fs::path& path);

/// All cuts with a TL, fastest first. @throws InvalidArgument for a rate or ping that is not usable, or when no cut has a TL.
[[nodiscard]] std::vector<ScissionTlPlan> plan_scissiontl(const ScissionTlData& data, const ScissionTlLink& link = {});

}  // namespace scissionlite::planner
