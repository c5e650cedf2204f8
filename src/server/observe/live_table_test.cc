#include "server/observe/live_table.h"

#include <gtest/gtest.h>

#include "server/observe/observer.h"

namespace scissionlite::server {
namespace {

RequestEnd request_of(const std::string& identity, double took_us, Code code = Code::kOk) {
  RequestEnd end;
  end.identity = identity, end.model = "tail", end.sha256 = "abc", end.plan = "split/c1/klt", end.code = code;
  end.arrived_ns = 1, end.end_ns = 1 + static_cast<int64_t>(took_us * 1e3), end.run_items = 2, end.response_bytes = 10;
  return end;
}

TEST(TimeHistogram, PercentilesAreWithinABucket) {
  TimeHistogram times;
  EXPECT_EQ(times.percentile_us(50), 0);
  for (int i = 1; i <= 1000; ++i) times.add(i * 10.0);
  EXPECT_NEAR(times.percentile_us(50), 5000, 450);
  EXPECT_NEAR(times.percentile_us(99), 9900, 900);
  EXPECT_GE(times.percentile_us(100), 10000);
  TimeHistogram all;
  all.add(0.0), all.add(1e12), all.add(times);
  EXPECT_EQ(all.count(), 1002U);
  EXPECT_EQ(all.percentile_us(0), 10);
}

TEST(LiveTable, RowsAreOfIdentityAndName) {
  LiveTable table;
  table.add({.traceparent = "", .device = "camera", .report = "plan=p;local=3", .bytes = 100}, request_of("10.0.0.7", 2000));
  table.add({.traceparent = "", .device = "camera", .report = "", .bytes = 100}, request_of("10.0.0.7", 2000));
  table.add({}, request_of("10.0.0.7", 50, Code::kUnavailable));
  table.add_turned_away("10.0.0.8");
  const auto json = table.json();
  ASSERT_EQ(json["devices"].size(), 3U);
  EXPECT_EQ(json["devices"][0]["identity"], "10.0.0.8");
  const auto& camera = json["devices"][2];
  EXPECT_EQ(camera["name"], "camera");
  EXPECT_EQ(camera["requests"], 2);
  EXPECT_EQ(camera["bytes_up"], 200);
  EXPECT_EQ(camera["bytes_down"], 20);
  EXPECT_EQ(camera["plan"], "split/c1/klt");
  EXPECT_NEAR(camera["p50_us"].get<double>(), 2000, 1);
  EXPECT_EQ(camera["report"], (Json{{"plan", "p"}, {"local", 3}}));
  EXPECT_EQ(json["devices"][1]["refused"], 1);
  EXPECT_EQ(json["totals"], (Json{{"requests", 4}, {"refused", 2}, {"bytes_up", 200}, {"bytes_down", 30}}));
  EXPECT_EQ(json["seconds"].size(), LiveTable::kSeconds - 1);
}

TEST(LiveTable, TheOneSeenLongestAgoMakesRoom) {
  LiveTable table;
  for (size_t i = 0; i < LiveTable::kMostDevices + 5; ++i) {
    table.add({}, request_of("first", 100));
    table.add({}, request_of("device " + std::to_string(i), 100));
  }
  const auto json = table.json();
  EXPECT_EQ(json["devices"].size(), LiveTable::kMostDevices);
  EXPECT_EQ(json["forgotten_devices"], 6);
  EXPECT_EQ(json["devices"][1]["identity"], "first");
}

TEST(LiveTable, WhatADeviceReportsIsNumbersAndAPlan) {
  EXPECT_EQ(report_json("plan=a=b;edge=12;local=x;fallbacks=-1;late=99999999999999999999;evil=1;;=;switches="),
            (Json{{"plan", "a=b"}, {"edge", 12}}));
  EXPECT_EQ(report_json(""), Json::object());
}

}  // namespace
}  // namespace scissionlite::server
