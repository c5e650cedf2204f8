// Cost model: how long a candidate takes, from one profile a machine and what the links carry.
//
// latency = sum over machines (decode + slice + encode) + sum over links (rtt/2 + bytes * 8 / up + per_call)
//         + the answer's way back (rtt/2 + output bytes * 8 / down, over the links used).
// Throughput, pipelined: one image per slowest of: a machine's busy time, a link's transfer time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "profile/network.h"
#include "profile/profile.h"
#include "score/scores.h"

namespace scissionlite::planner {

struct CostOptions {
  bool from_file = true;  // images reach the device as files, which it must decode for all but edge/file; false: as pixels (camera)
  double message_overhead_bytes = kMessageOverheadBytes;
  std::map<std::string, double> scored_bytes;  // mean payload by key of split candidates, as `score` saw it: profiles fit TLs on few images
};
/// The means of the split candidates; nothing without scores.
[[nodiscard]] std::map<std::string, double> scored_bytes(const Scores* scores);

/// What may cross a link.
struct Hop {
  Candidate candidate;  // kEdge or kSplit
  int cut = -1;         // index in Profile::cuts; -1: the image
  double bytes = 0;     // payload of one image
};

/// One machine's work on one image.
struct SliceCost {
  bool possible = false;  // everything it needs was measured
  double decode_us = 0, compute_us = 0, encode_us = 0;
  [[nodiscard]] double total_us() const { return decode_us + compute_us + encode_us; }
};

/// Which hop crosses each link, as indices in `hops()`; -1: the link is not used. `first` -1 means local.
struct Choice {
  int first = -1, second = -1;
  bool operator==(const Choice&) const = default;
  [[nodiscard]] int hop(size_t link) const { return link == 0 ? first : second; }
};

/// The part of the model that one machine computes: what is in the head of cut `upper` and not in the head of `lower`.
struct Share {
  static constexpr int kNothing = -1, kAll = 1 << 30;  // else an index in CostModel::cuts()
  int lower = kNothing, upper = kNothing;
  [[nodiscard]] bool is_empty() const { return lower == upper; }
};

class CostModel {
 public:
  static constexpr int kNone = -1;

  /// @param machines  profiles in order device, edge (, cloud). @param links  one fewer, in the same order.
  /// @throws InvalidArgument when profiles are of different models or cut lists, disagree about the size of what crosses
  /// (names both), or the numbers of machines and links do not fit.
  CostModel(std::vector<Profile> machines, std::vector<Link> links, CostOptions options = {});

  [[nodiscard]] size_t machine_count() const { return machines_.size(); }
  [[nodiscard]] const Profile& machine(size_t index) const { return machines_[index]; }
  [[nodiscard]] const std::vector<CutProfile>& cuts() const { return machines_[0].cuts; }
  [[nodiscard]] const std::vector<Link>& links() const { return links_; }
  [[nodiscard]] const std::vector<Hop>& hops() const { return hops_; }
  [[nodiscard]] const CostOptions& options() const { return options_; }

  /// Work of machine `index` between hop `in` (kNone: it takes the image itself) and hop `out` (kNone: it gives the answer).
  [[nodiscard]] SliceCost slice(size_t index, int in, int out) const;
  /// Whether `out` may follow `in` on the next link: the same thing passed on, or a cut whose head holds all of `in`'s head.
  [[nodiscard]] bool may_follow(int in, int out) const;
  /// Passed on untouched.
  [[nodiscard]] bool is_relay(int in, int out) const { return in == out && in != kNone; }

  /// Time of a link's bits alone, without delay.
  [[nodiscard]] double transfer_us(size_t link, double bytes) const;
  [[nodiscard]] double send_us(size_t link, double bytes) const { return links_[link].rtt_us / 2 + transfer_us(link, bytes); }
  /// The answer's bits on their way back over one link, without delay; and with it.
  [[nodiscard]] double answer_transfer_us(size_t link) const;
  [[nodiscard]] double answer_us(size_t link) const { return links_[link].rtt_us / 2 + answer_transfer_us(link); }

  /// What in the machine's slice is estimated instead of measured, or "".
  [[nodiscard]] std::string estimate_note(size_t index, int in, int out) const;
  /// "local", "split/12/uint8", "split/12/uint8|split/40/fp16".
  [[nodiscard]] std::string key(const Choice& choice) const;
  /// @throws InvalidArgument with the nearest key.
  [[nodiscard]] Choice choice_of(const std::string& key) const;
  [[nodiscard]] Share share(size_t machine, const Choice& choice) const;
  /// Blocks (between single-tensor cuts) that lie wholly in the share.
  [[nodiscard]] int64_t blocks_in(const Share& share) const;
  [[nodiscard]] int64_t block_count() const;

 private:
  struct Machine {                       // by hop or cut
    std::vector<double> decode, encode;  // of a hop, alone; NaN: not possible
    std::vector<SliceCost> start, end;   // source -> hop, hop -> answer
    std::vector<double> head;            // of a cut, us; NaN: unknown
    std::vector<bool> head_estimated, tail_estimated;
    SliceCost whole;
  };
  void check() const;
  void list_hops();
  [[nodiscard]] Machine measure(const Profile& profile) const;
  [[nodiscard]] double source_decode_us(const Profile& profile) const;

  std::vector<Profile> machines_;
  std::vector<Link> links_;
  CostOptions options_;
  std::vector<Hop> hops_;
  std::vector<Machine> tables_;
};

/// Time of the head of cut `index`: measured, else from the blocks (a multi-tensor cut takes its share of the block by
/// multiply-accumulates). NaN when neither is there. `estimated` tells which.
[[nodiscard]] double head_us(const Profile& profile, size_t index, bool& estimated);
[[nodiscard]] double tail_us(const Profile& profile, size_t index, bool& estimated);

}  // namespace scissionlite::planner
