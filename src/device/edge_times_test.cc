#include "device/edge_times.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace scissionlite::device {
namespace {

TEST(EdgeTimes, AreTakenAsTold) {
  Parts parts;
  const double us = take_edge_times({{"queue_us", int64_t{5}},
                                     {"decode_us", 20.0},
                                     {"compute_us", 40.0},
                                     {"forward_us", 700.0},
                                     {"cloud_queue_us", 10.0},
                                     {"cloud_decode_us", 20.0},
                                     {"cloud_compute_us", 70.0}},
                                    1000, parts);
  EXPECT_EQ(parts.edge_queue_us, 5);
  EXPECT_EQ(parts.edge_compute_us, 40);
  EXPECT_EQ(parts.cloud_wire_us, 600);
  EXPECT_EQ(us, 765);
}

TEST(EdgeTimes, WhatCannotBeIsNotBelieved) {
  for (const double bad : {std::nan(""), -1.0, 1e30, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(), 1001.0}) {
    Parts parts;
    EXPECT_EQ(
        take_edge_times({{"queue_us", bad}, {"decode_us", 20.0}, {"compute_us", bad}, {"forward_us", bad}, {"cloud_queue_us", bad}}, 1000, parts),
        20);
    EXPECT_EQ(parts.edge_queue_us + parts.edge_compute_us + parts.cloud_us(), 0) << bad;
  }
  Parts parts;
  EXPECT_EQ(take_edge_times({{"queue_us", 900.0}, {"compute_us", 900.0}}, 1000, parts), 1000) << "together no longer than the call";
}

}  // namespace
}  // namespace scissionlite::device
