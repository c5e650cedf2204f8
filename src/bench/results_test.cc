#include "bench/results.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace scissionlite {
namespace {

BenchResults sample() {
  BenchResults results;
  results.model_name = "mobilenetv2_1.0";
  results.model_sha256 = std::string(64, 'a');
  results.machine = {"Some CPU", {"avx2", "fma"}, 2};
  results.device_engine = "slow:8:openvino";
  results.edge_engine = "openvino";
  results.link_rtt_us = 27400;
  results.link_up_bps = 58.8e6;
  results.link_down_bps = 58.8e6;
  results.device_slowdown = 8;
  BenchRow row;
  row.key = "split/12/uint8";
  row.family = "plain uint8";
  row.n = 100;
  row.latency_median_us = 61000.25;
  row.latency_p95_us = 70000;
  row.latency_ci = {60000, 62000};
  row.predicted_us = 59000;
  row.preprocess_us = 1, row.head_us = 2, row.encode_us = 3, row.wire_us = 4, row.decode_us = 5, row.tail_us = 6, row.other_us = -0.5;
  row.bytes_mean = 25088, row.bytes_p95 = 25089;
  row.throughput_ips = 31.5;
  row.agreement = 0.99, row.agreement_interval = {0.97, 0.997}, row.agreement_n = 100;
  row.speedup_over_local = 3.2;
  BenchRow failed;
  failed.key = "edge/webp-q80";
  failed.error = "the edge went away";
  results.rows = {row, failed};
  results.command = "scissionlite bench model.onnx";
  results.commit = "abc";
  return results;
}

std::string error_of(Json json) {
  try {
    (void)bench_from_json(json, "bench.json");
  } catch (const InvalidArgument& e) { return e.what(); }
  return "(nothing was thrown)";
}

TEST(BenchResults, ReadingWhatWasWrittenGivesTheSameFile) {
  const Json json = to_json(sample());
  const auto read = bench_from_json(json, "bench.json");
  EXPECT_EQ(to_json(read), json);
  ASSERT_EQ(read.rows.size(), 2u);
  EXPECT_EQ(read.rows[0].latency_median_us, 61000.25);
  EXPECT_EQ(read.rows[0].other_us, -0.5);
  EXPECT_EQ(read.rows[0].agreement_interval.high, 0.997);
  EXPECT_EQ(read.rows[1].error, "the edge went away");
  EXPECT_EQ(read.machine.isa, (std::vector<std::string>{"avx2", "fma"}));
}

TEST(BenchResults, HandWrittenFileNeedsRowsOnly) {
  const auto read = bench_from_json(Json::parse(R"({"schema": "scissionlite.bench/1", "rows": [{"key": "local", "latency_median_us": 5}]})"), "b");
  EXPECT_EQ(read.rows.at(0).latency_median_us, 5);
  EXPECT_EQ(read.rows.at(0).agreement, -1);
  EXPECT_EQ(read.device_slowdown, 1);
}

TEST(BenchResults, ErrorsNameTheField) {
  Json json = to_json(sample());
  json["rows"][0]["latency_ci"] = Json::array({2, 1});
  EXPECT_NE(error_of(json).find("rows[0].latency_ci"), std::string::npos) << error_of(json);
  json = to_json(sample());
  json["rows"][0]["latency_median_us"] = -1;
  EXPECT_NE(error_of(json).find("rows[0].latency_median_us"), std::string::npos) << error_of(json);
  json["rows"][0].erase("latency_median_us");
  EXPECT_NE(error_of(json).find("'latency_median_us' is missing"), std::string::npos) << error_of(json);
  json = to_json(sample());
  json["schema"] = "scissionlite.bench/0";
  EXPECT_NE(error_of(json).find("scissionlite.bench/1"), std::string::npos) << error_of(json);
}

}  // namespace
}  // namespace scissionlite
