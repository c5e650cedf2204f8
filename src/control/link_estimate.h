// What the link carries now, from requests that were made anyway: a round trip and a rate up.
//
// A call takes rtt + bytes / rate beyond what the edge says that it spent. One size of message cannot tell the two apart, so small calls (the answer
// to "are you live?") say the round trip and large ones the rate. A call that was given up says that the rate is no higher than what would have made
// it in time. Not thread-safe; pure arithmetic.
#pragma once

#include <cstdint>
#include <deque>

namespace scissionlite::control {

class LinkEstimate {
 public:
  /// A small call took so long.
  void note_round_trip(double us);
  /// `bytes` went up and the answer came down in `us`, less the edge's own time.
  void note_transfer(double bytes, double us);
  /// No answer to `bytes` in `us`.
  void note_silence(double bytes, double us);

  [[nodiscard]] bool is_known() const { return rate_bps_ > 0 && rtt_us_ > 0; }
  [[nodiscard]] double rtt_us() const { return rtt_us_; }
  [[nodiscard]] double rate_bps() const { return rate_bps_; }
  /// The newest transfer was too fast to say more than that the rate is at least so high.
  [[nodiscard]] bool is_bound() const { return is_bound_; }
  /// Of a call that carries `bytes`, without the edge's own time. 0 while nothing is known.
  [[nodiscard]] double transfer_us(double bytes) const { return is_known() ? rtt_us_ + bytes * 8e6 / rate_bps_ : 0; }
  /// Bytes below which a transfer says little of the rate: its time would be lost in the round trip's own.
  [[nodiscard]] double telling_bytes() const { return kTellingShare * rtt_us_ * rate_bps_ / 8e6; }

 private:
  static constexpr double kTellingShare = 0.25;
  std::deque<double> round_trips_;  // the newest ones
  double rtt_us_ = 0, rate_bps_ = 0;
  bool is_bound_ = false;
  int silences_in_a_row_ = 0;
};

}  // namespace scissionlite::control
