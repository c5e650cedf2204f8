#include "bench/contestant.h"

#include <functional>

#include "base/error.h"
#include "base/json.h"

namespace scissionlite {
namespace {

constexpr double kAnswerTimeoutUs = 120e6;

Sample parse_sample(const Json& line) {
  const JsonReader reader(line, "device");
  const auto parts = reader.at("parts");
  const auto part = [&](const char* name) { return parts.number_or(name, 0); };
  Sample s;
  s.latency_us = reader.at("latency_us").number();
  s.preprocess_us = part("image_decode_us") + part("preprocess_us");
  s.head_us = part("head_us");
  s.encode_us = part("encode_us");
  s.wire_us = part("wire_us") + part("serialize_us");
  s.decode_us = part("edge_decode_us");
  s.tail_us = part("edge_compute_us") + part("edge_queue_us") + part("local_tail_us");
  s.other_us = part("other_us");
  s.payload_bytes = reader.number_or("payload_bytes", 0);
  if (reader.has("top") && !reader.at("top").elements().empty()) s.top = reader.at("top").elements().front().at("index").integer();
  return s;
}

double median_of(const std::vector<Sample>& samples, double Sample::*field) {
  std::vector<double> values;
  for (const auto& s : samples) values.push_back(s.*field);
  return median(values);
}

}  // namespace

Sample ask(Contestant& contestant, const std::string& path, bool wants_edge) {
  contestant.device->write_line(path);
  const Json line = parse_json(contestant.device->read_line(kAnswerTimeoutUs), contestant.device->describe());
  const JsonReader reader(line, "device");
  if (reader.has("error")) throw TransportError("[bench] '" + path + "': " + reader.at("error").text(), false);
  if (wants_edge && reader.at("origin").text() != "edge")
    throw TransportError("[bench] '" + path + "' was answered locally: " + reader.text_or("note", "no reason given"), false);
  return parse_sample(line);
}

BenchRow summarise(const Contestant& c, const std::vector<int64_t>& reference) {
  BenchRow row;
  row.key = c.key;
  row.family = c.family;
  row.error = c.error;
  row.n = static_cast<int64_t>(c.samples.size());
  row.throughput_ips = c.throughput_ips;
  if (c.samples.empty()) return row;
  std::vector<double> latencies, bytes;
  int64_t agreed = 0;
  for (size_t i = 0; i < c.samples.size(); ++i) {
    latencies.push_back(c.samples[i].latency_us);
    bytes.push_back(c.samples[i].payload_bytes);
    const int64_t expected = reference[static_cast<size_t>(c.sample_images[i])];
    if (expected < 0) continue;
    ++row.agreement_n;
    if (c.samples[i].top == expected) ++agreed;
  }
  row.latency_median_us = median(latencies);
  row.latency_p95_us = percentile(latencies, 95);
  row.latency_ci = median_interval(latencies);
  row.bytes_mean = mean(bytes);
  row.bytes_p95 = percentile(bytes, 95);
  if (row.agreement_n > 0) {
    row.agreement = static_cast<double>(agreed) / static_cast<double>(row.agreement_n);
    row.agreement_interval = wilson_interval(agreed, row.agreement_n);
  }
  row.preprocess_us = median_of(c.samples, &Sample::preprocess_us);
  row.head_us = median_of(c.samples, &Sample::head_us);
  row.encode_us = median_of(c.samples, &Sample::encode_us);
  row.wire_us = median_of(c.samples, &Sample::wire_us);
  row.decode_us = median_of(c.samples, &Sample::decode_us);
  row.tail_us = median_of(c.samples, &Sample::tail_us);
  row.other_us = median_of(c.samples, &Sample::other_us);
  return row;
}

}  // namespace scissionlite
