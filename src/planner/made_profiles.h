// Profiles for tests: small ones with round numbers, and random ones. Not used by the program.
#pragma once

#include <string>
#include <vector>

#include "base/rng.h"
#include "base/test_messages.h"
#include "planner/cost.h"

namespace scissionlite::planner {

inline Timing us(double value) { return {.median_us = value, .p95_us = value, .ci = {value, value}, .n = 5}; }

inline CutProfile made_cut(int number, double head, double tail) {
  CutProfile cut;
  cut.id = std::to_string(number);
  cut.tensors = {"t" + std::to_string(number)};
  cut.bytes = 4000;
  cut.position = number;
  cut.region = number;
  cut.head = us(head);
  cut.tail = us(tail);
  return cut;
}

/// Three blocks of `block_us`, cuts "0" and "1", TLs fp32 (4,000 bytes) and uint8 (1,000 bytes, 10 % of a block to encode
/// and to decode), images as file (20,000 bytes) and jpeg (5,000 bytes). Preprocessing takes a block.
inline Profile made_profile(const std::string& name, double block_us) {
  Profile p;
  p.machine_name = name;
  p.model_name = "made";
  p.model_sha256 = std::string(64, 'a');
  p.whole = us(3 * block_us);
  p.preprocess = us(block_us);
  p.output_bytes = p.answer_bytes = 800;
  p.input_bytes = 12000;
  p.blocks = {us(block_us), us(block_us), us(block_us)};
  for (int c = 0; c < 2; ++c) {
    auto cut = made_cut(c, (c + 1) * block_us, (2 - c) * block_us);
    cut.tls["fp32"].wire_bytes = 4000;
    cut.tls["uint8"] = {.encode = us(block_us / 10), .decode = us(block_us / 10), .head_with_tl = {}, .tail_with_tl = {}, .wire_bytes = 1000};
    p.cuts.push_back(cut);
  }
  p.image_bytes = {{"file", 20000}, {"jpeg-q90-420", 5000}};
  p.image_encode = {{"jpeg-q90-420", us(block_us / 2)}};
  p.image_decode = {{"file", us(block_us * 2)}, {"jpeg-q90-420", us(block_us / 2)}};
  return p;
}

/// 8 bits/us up (so a byte takes a microsecond), 16 bits/us down, 1,000 us round trip.
inline Link made_link() { return {.from = "device", .to = "edge", .rtt_us = 1000, .up_bps = 8e6, .down_bps = 16e6, .per_call_us = 50, .n = 3}; }

/// Machines of random speed over one random model; every TL has the same size on all of them.
inline std::vector<Profile> random_profiles(Rng& rng, int machines, int cuts, int tls) {
  std::vector<double> work, tl_bytes;
  for (int c = 0; c <= cuts; ++c) work.push_back(rng.uniform(10, 3000));
  for (int i = 0; i < cuts * tls; ++i) tl_bytes.push_back(std::floor(rng.uniform(50, 60000)));
  std::vector<Profile> out;
  for (int m = 0; m < machines; ++m) {
    Profile p = made_profile("m" + std::to_string(m), rng.uniform(50, 3000));
    const double speed = rng.uniform(0.1, 8);
    p.cuts.clear();
    p.blocks.clear();
    double done = 0, total = 0;
    for (double w : work) total += w / speed;
    p.whole = us(total * rng.uniform(0.9, 1));
    for (int c = 0; c < cuts; ++c) {
      done += work[static_cast<size_t>(c)] / speed;
      auto cut = made_cut(c, done * rng.uniform(0.9, 1.1), (total - done) * rng.uniform(0.9, 1.1));
      if (c + 1 < cuts && rng.uniform() < 0.3) {  // a multi-tensor cut inside the block that the next cut ends
        cut.single = false;
        cut.tensors.push_back("s" + std::to_string(c));
      }
      for (int t = 0; t < tls; ++t) {
        auto& tl = cut.tls["tl" + std::to_string(t)];
        tl.wire_bytes = static_cast<int64_t>(tl_bytes[static_cast<size_t>(c * tls + t)]);
        tl.encode = us(rng.uniform(1, 200));
        tl.decode = us(rng.uniform(1, 200));
        if (rng.uniform() < 0.5) tl.head_with_tl = us(cut.head.median_us * rng.uniform(0.9, 1.3));
        if (rng.uniform() < 0.5) tl.tail_with_tl = us(cut.tail.median_us * rng.uniform(0.9, 1.3));
      }
      p.cuts.push_back(cut);
    }
    if (m > 0)
      for (int c = 0; c < cuts; ++c) {  // the same cuts everywhere
        p.cuts[static_cast<size_t>(c)].single = out[0].cuts[static_cast<size_t>(c)].single;
        p.cuts[static_cast<size_t>(c)].tensors = out[0].cuts[static_cast<size_t>(c)].tensors;
      }
    out.push_back(p);
  }
  return out;
}

inline Link random_link(Rng& rng) {
  return {.from = "a",
          .to = "b",
          .rtt_us = rng.uniform(0, 30000),
          .up_bps = std::exp(rng.uniform(11, 21)),
          .down_bps = std::exp(rng.uniform(11, 21)),
          .per_call_us = rng.uniform(0, 500),
          .n = 1};
}

/// Scores for a random two thirds of the hops.
inline Scores random_scores(Rng& rng, const CostModel& model) {
  Scores scores;
  scores.model_sha256 = model.machine(0).model_sha256;
  for (const auto& hop : model.hops()) {
    if (rng.uniform() < 0.33) continue;
    const auto n = static_cast<int64_t>(10 + rng.below(400)), hits = static_cast<int64_t>(rng.below(static_cast<uint64_t>(n) + 1));
    scores.scores.push_back({.candidate = hop.candidate.key(),
                             .agreement = static_cast<double>(hits) / static_cast<double>(n),
                             .interval = wilson_interval(hits, n),
                             .n = n,
                             .note = ""});
  }
  return scores;
}

}  // namespace scissionlite::planner
