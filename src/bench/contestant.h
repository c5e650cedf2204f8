// One candidate in the bench: its package, its device process, what it measured so far.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/process.h"
#include "bench/results.h"

namespace scissionlite {

/// What a device process said about one image.
struct Sample {
  double latency_us = 0, preprocess_us = 0, head_us = 0, encode_us = 0, wire_us = 0, decode_us = 0, tail_us = 0, other_us = 0;
  double payload_bytes = 0;
  int64_t top = -1;  // index of the best class
};

struct Contestant {
  std::string key, family;
  std::unique_ptr<ChildProcess> device;
  std::vector<Sample> samples;         // by image; missing ones were errors
  std::vector<int64_t> sample_images;  // index of the image of each sample
  double throughput_ips = 0;
  std::string error;  // it is out of the race
};

/// Sends one path, waits for the answer. @throws TransportError: the process is gone or silent, or the image has no answer
/// from where the candidate says it comes from.
[[nodiscard]] Sample ask(Contestant& contestant, const std::string& path, bool wants_edge);

/// Medians, intervals and agreement. @param reference  best class of the uncut model by image; -1 where it has none.
[[nodiscard]] BenchRow summarise(const Contestant& contestant, const std::vector<int64_t>& reference);

}  // namespace scissionlite
