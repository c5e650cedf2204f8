#include "control/link_estimate.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace scissionlite::control {
namespace {

constexpr size_t kRoundTrips = 3;
constexpr double kGainOfRise = 0.5, kGainOfFall = 0.7;  // a link that got slower costs at once, one that got faster only a chance
constexpr double kLeastUs = 20;                         // of a transfer: below it is the clock's and the scheduler's noise

}  // namespace

void LinkEstimate::note_round_trip(double us) {
  round_trips_.push_back(std::max(us, 1.0));
  if (round_trips_.size() > kRoundTrips) round_trips_.pop_front();
  std::vector<double> sorted(round_trips_.begin(), round_trips_.end());
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
  rtt_us_ = sorted[sorted.size() / 2];
}

void LinkEstimate::note_transfer(double bytes, double us) {
  silences_in_a_row_ = 0;
  if (bytes <= 0) return;
  if (rtt_us_ <= 0 || us < rtt_us_) note_round_trip(us);  // at first nothing else is known; later it cannot be longer than that
  const double moving_us = std::max(us - rtt_us_, kLeastUs);
  const double seen_bps = bytes * 8e6 / moving_us;
  if (moving_us < kTellingShare * rtt_us_) {
    const double at_least_bps = bytes * 8e6 / (kTellingShare * rtt_us_);
    if (at_least_bps > rate_bps_) rate_bps_ = at_least_bps, is_bound_ = true;
    return;
  }
  is_bound_ = false;
  if (rate_bps_ <= 0) rate_bps_ = seen_bps;
  else rate_bps_ *= std::pow(seen_bps / rate_bps_, seen_bps < rate_bps_ ? kGainOfFall : kGainOfRise);
}

void LinkEstimate::note_silence(double bytes, double us) {
  ++silences_in_a_row_;
  if (bytes <= 0 || rate_bps_ <= 0) return;
  const double at_most_bps = bytes * 8e6 / std::max(us - rtt_us_, kLeastUs);
  rate_bps_ = std::min(rate_bps_, at_most_bps) * (silences_in_a_row_ > 1 ? 0.5 : 1);
}

}  // namespace scissionlite::control
