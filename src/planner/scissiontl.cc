#include "planner/scissiontl.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::planner {
namespace {

double seconds(const JsonReader& json) {
  const double value = json.number_at_least(0);
  constexpr double kLongest = 3600;
  if (value > kLongest) json.fail("seconds, at most 3600 (are these milliseconds or microseconds?)");
  return value;
}

int64_t bytes(const JsonReader& json) {
  const int64_t value = json.integer();
  if (value < 0) json.fail("a size in bytes of at least 0");
  return value;
}

int64_t layer(const JsonReader& json) {
  const int64_t value = json.integer();
  if (value < 0 || value > 1'000'000'000) json.fail("a layer index of at least 0");
  return value;
}

void read_tl(const JsonReader& json, ScissionTlBlock& block) {
  json.allow_only({"downsample_s", "upsample_s", "convert_s", "bytes"});
  block.tl_bytes = bytes(json.at("bytes"));
  if (block.tl_bytes == 0) return;  // not possible at this cut; its times are -1
  block.has_tl = true;
  block.downsample_s = seconds(json.at("downsample_s"));
  block.upsample_s = seconds(json.at("upsample_s"));
  block.convert_s = seconds(json.at("convert_s"));
}

ScissionTlBlock read_block(const JsonReader& json, int64_t expected_first) {
  json.allow_only({"first_layer", "last_layer", "time_s", "output_bytes", "pool_tl"});
  ScissionTlBlock block;
  block.first_layer = layer(json.at("first_layer"));
  block.last_layer = layer(json.at("last_layer"));
  if (block.first_layer != expected_first) json.at("first_layer").fail(std::to_string(expected_first) + ", the layer after the block before");
  if (block.last_layer < block.first_layer) json.at("last_layer").fail("at least first_layer, " + std::to_string(block.first_layer));
  block.time_s = seconds(json.at("time_s"));
  block.output_bytes = json.has("output_bytes") ? bytes(json.at("output_bytes")) : 0;
  if (json.has("pool_tl")) read_tl(json.at("pool_tl"), block);
  return block;
}

ScissionTlMachine read_machine(const JsonReader& json) {
  json.allow_only({"name", "blocks"});
  ScissionTlMachine machine{json.at("name").text(), {}};
  for (const auto& element : json.at("blocks").elements())
    machine.blocks.push_back(read_block(element, machine.blocks.empty() ? 0 : machine.blocks.back().last_layer + 1));
  if (machine.blocks.size() < 2) json.at("blocks").fail("at least two blocks, for there to be a cut");
  return machine;
}

std::string range(int64_t first, int64_t last) { return std::to_string(first) + "–" + std::to_string(last); }
std::string range(const ScissionTlBlock& block) { return range(block.first_layer, block.last_layer); }

void check_same_blocks(const ScissionTlData& data, const std::string& where) {
  const auto &a = data.device, &b = data.edge;
  if (a.blocks.size() != b.blocks.size())
    throw InvalidArgument("[scissiontl] " + where + ": '" + a.name + "' has " + std::to_string(a.blocks.size()) + " blocks, '" + b.name + "' " +
                          std::to_string(b.blocks.size()) + "; both must be of the same model");
  for (size_t i = 0; i < a.blocks.size(); ++i)
    if (a.blocks[i].first_layer != b.blocks[i].first_layer || a.blocks[i].last_layer != b.blocks[i].last_layer)
      throw InvalidArgument("[scissiontl] " + where + ": block " + std::to_string(i) + " holds layers " + range(a.blocks[i]) + " on '" + a.name +
                            "' but " + range(b.blocks[i]) + " on '" + b.name + "'; both must be of the same model");
}

}  // namespace

ScissionTlData scissiontl_from_json(const Json& json, const std::string& where) {
  const JsonReader reader(json, where);
  reader.allow_only({"what", "device", "edge"});
  ScissionTlData data{reader.text_or("what", ""), read_machine(reader.at("device")), read_machine(reader.at("edge"))};
  check_same_blocks(data, where);
  return data;
}

ScissionTlData load_scissiontl(const fs::path& path) {
  constexpr uint64_t kLimitBytes = uint64_t{64} << 20;
  return scissiontl_from_json(parse_json(read_file(path, kLimitBytes), path.string()), path.string());
}

std::vector<ScissionTlPlan> plan_scissiontl(const ScissionTlData& data, const ScissionTlLink& link) {
  const double bytes_per_s = std::nearbyint(link.mbps * 125000);  // the published tool rounds, half to even
  if (!(bytes_per_s >= 1) || !std::isfinite(bytes_per_s) || !(link.ping_ms >= 0) || !std::isfinite(link.ping_ms))
    throw InvalidArgument("[scissiontl] got a link of " + format_fixed(link.mbps, 3) + " Mbit/s and " + format_fixed(link.ping_ms, 3) +
                          " ms, expected a rate above 0 and a ping of at least 0");
  std::vector<ScissionTlPlan> plans;
  const auto &device = data.device.blocks, &edge = data.edge.blocks;
  std::vector<double> edge_rest(edge.size() + 1, 0);  // of block i and all after it
  for (size_t i = edge.size(); i-- > 0;) edge_rest[i] = edge_rest[i + 1] + edge[i].time_s;
  double device_done = 0;
  for (size_t x = 0; x + 1 < device.size(); ++x) {
    device_done += device[x].time_s;
    if (!device[x].has_tl || !edge[x].has_tl) continue;
    ScissionTlPlan plan;
    plan.block = x;
    plan.device_s = device_done;
    plan.edge_s = edge_rest[x + 1];
    plan.network_s = link.ping_ms / 1000 + static_cast<double>(device[x].tl_bytes) / bytes_per_s;
    plan.tl_s = device[x].downsample_s + device[x].convert_s + edge[x].upsample_s + edge[x].convert_s;
    plan.seconds = plan.device_s + plan.edge_s + plan.network_s + plan.tl_s;
    plan.megabytes = static_cast<double>(device[x].tl_bytes) / 1e6;
    plan.ranges = range(0, device[x].last_layer) + " | " + range(device[x].last_layer + 1, device.back().last_layer);
    plans.push_back(plan);
  }
  if (plans.empty())
    throw InvalidArgument("[scissiontl] no cut has a pool TL on both machines ('" + data.device.name + "' and '" + data.edge.name +
                          "': \"pool_tl\" with \"bytes\" above 0), so there is nothing to choose from; the published cost knows no other plans");
  std::stable_sort(plans.begin(), plans.end(), [](const ScissionTlPlan& a, const ScissionTlPlan& b) { return a.seconds < b.seconds; });
  return plans;
}

}  // namespace scissionlite::planner
