// Throughput mode: one thread prepares images and runs the head while several requests are in flight; answers come out in
// the order of the frames.
#pragma once

#include <functional>

#include "device/frames.h"
#include "device/offloader.h"

namespace scissionlite::device {

struct RunTotals {
  int64_t images = 0, edge = 0, cloud = 0, local = 0, errors = 0, late = 0;
  int64_t judged = 0, positives = 0;  // answers of models with a decision
  double elapsed_us = 0;              // from the first frame taken to the last answer
  std::vector<double> latencies_us;   // of answered images; at most the last 10,000
};

/// Answers every frame of `source`, handing each answer to `emit` in order, on one thread at a time.
/// @param in_flight  1: latency mode, one image at a time; more: that many requests at once.
/// @param stop       set from outside to end after the frames already taken.
RunTotals run_all(Answerer& answerer, FrameSource& source, int in_flight, const std::atomic<bool>& stop,
                  const std::function<void(const Answer&)>& emit);

}  // namespace scissionlite::device
