// Control: what the device does with the next image, decided from what was measured so far.
//
// What lives here: which of the prepared plans, and how long the edge is waited for (Controller, this file); whether the edge is asked at all
// (breaker.h); what the link carries now (link_estimate.h). Everything is told the time, nothing has a clock, a thread or a socket: so `run` and the
// simulator drive the very same code. Start here.
//
// The rule: a plan is predicted as head + round trip + bytes / rate + edge, all as last measured, or as the local path where the edge is not usable
// or would answer too late. The current plan is left for a better one only when that is better by `hysteresis` and `dwell_us` have passed since the
// last switch.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/link_estimate.h"

namespace scissionlite::control {

/// A prepared plan as the controller sees it. Times as measured when it was loaded.
struct PlanTraits {
  std::string key;  // candidate
  bool uses_edge = true;
  bool answers_locally = true;  // there is a local half
  double head_us = 0;           // on the device before anything is sent; of a plan without edge all, or what comes before local_us
  double local_us = 0;          // on the device behind that, when it answers by itself
  double edge_us = 0;           // queue, decode and compute there
  double up_bytes = 0;          // the whole request
};

struct ControllerOptions {
  double deadline_us = 0;        // per image; 0: none
  double call_timeout_us = 5e6;  // without a deadline: the longest wait
  double dwell_us = 2e6;         // between two switches
  double hysteresis = 0.1;       // share by which another plan has to be better
  double probe_every_us = 2e6;   // the link is measured so often where images do not, or less often,
  double probe_share = 0.02;     // so that it takes no more of the link than this
  double check_share = 0.02;     // of the link, that checks of a plan that is not in use take at most
  bool waits_only_where_it_pays =
      true;  // an image whose local half is expected to be sooner than the edge is not sent; false: it is, as long as the deadline leaves time
  double reserve_share = 0.25, reserve_us = 1e3;  // beyond what the local half is expected to take, so that it still answers in time
};

/// A shorter run of an engine is as long as the scheduler makes it, and tells nothing of the device.
inline constexpr double kTellingUs = 2e3;
/// How many times slower than alone a device is believed to be: its process may also have stood still.
inline constexpr double kMostSlowness = 10;

class Controller {
 public:
  /// @param plans  the first one is begun with. @throws InvalidArgument: none, or times that are no numbers.
  Controller(std::vector<PlanTraits> plans, ControllerOptions options);

  /// Which plans may be taken at all, as their answers are judged; where none may, each may. A plan that may not is left at once, whatever it costs.
  void allow(std::vector<bool> is_allowed);

  /// The plan of the next image. @param is_usable  for each plan: its edge part may be asked (breaker.h).
  [[nodiscard]] size_t choose(const std::vector<bool>& is_usable, double now_us);
  /// How long this image's call may take so that the local half still answers in time, or sooner where waiting on is unlikely to pay. Where the local
  /// half would be late in any case, nothing is kept for it. <= 0: do not ask.
  /// @param spent_us  since the image was taken. @param extra_local_us  what the local half has to do first, as preparing its input.
  [[nodiscard]] double edge_budget_us(size_t plan, double spent_us, double now_us, double extra_local_us = 0) const;

  /// The plan's own time, where it was not known before: on a device that is not throttled.
  void set_head(size_t plan, double us) { plans_[plan].head_us = us; }
  /// What took `own_us` when it was loaded took `us` now, always the same work. The device's slowness, as throttling makes it, is learned from that
  /// and expected of all plans. What is too short to tell is left out.
  void note_compute(double us, double own_us);
  void note_local(size_t plan, double us) { note_compute(us, plans_[plan].local_us); }
  /// @param wire_us  the call less what the edge says that it took; edge_us: that.
  void note_answer(size_t plan, double bytes, double wire_us, double edge_us, double now_us);
  void note_silence(size_t plan, double bytes, double waited_us, double now_us);

  /// An image that was chosen for by `choose` was answered `us` after that. What a plan takes beyond what is predicted of it, for whatever cause, is
  /// expected of it again for a while.
  void note_latency(size_t plan, double us, double now_us);

  /// Bytes of padding to send with a call that has no effect, when the link was not measured for long; the same call without padding says the round
  /// trip.
  [[nodiscard]] std::optional<double> probe_due(double now_us) const;
  /// How long its first, small call may take: where that stays silent, so is the connection.
  [[nodiscard]] double probe_patience_us() const;
  void note_probe(double round_trip_us, double bytes, double us, double now_us);
  /// The padded call was not answered in `waited_us`, though the small one was. The next one is due later and later.
  void note_lost_probe(double bytes, double waited_us, double now_us);

  /// Whose edge is checked first: the plan's in use where it may pay to ask it, else that with the least to send.
  [[nodiscard]] size_t checked_first() const;
  /// Least time between two checks of a plan's edge, which send as much as an image does: those of others keep to their share of the link. Nothing of
  /// the one that is checked first.
  [[nodiscard]] std::optional<double> check_spacing_us(size_t plan) const;

  [[nodiscard]] double predicted_us(size_t plan, bool is_usable, double now_us) const;
  [[nodiscard]] const std::vector<PlanTraits>& plans() const { return plans_; }
  [[nodiscard]] size_t current() const { return current_; }
  [[nodiscard]] int64_t switches() const { return switches_; }
  [[nodiscard]] const LinkEstimate& link() const { return link_; }
  [[nodiscard]] double slowness() const { return slowness_; }

 private:
  [[nodiscard]] double local_path_us(const PlanTraits& plan) const { return (plan.head_us + plan.local_us) * slowness_; }
  [[nodiscard]] double reserve_us(const PlanTraits& plan, double extra_us) const;
  [[nodiscard]] bool is_settled() const;
  [[nodiscard]] double probe_bytes() const;
  [[nodiscard]] double probe_spacing_us() const;
  void end_stint(double now_us);
  [[nodiscard]] size_t leave_at_once(const std::vector<bool>& is_usable, double now_us);
  [[nodiscard]] size_t best_plan(const std::vector<bool>& is_usable, double now_us);
  [[nodiscard]] bool would_be_late(size_t plan, bool is_usable, double now_us) const;
  [[nodiscard]] double plain_prediction_us(size_t plan, bool is_usable, double now_us) const;
  [[nodiscard]] double late_budget_us(size_t plan, double spent_us, double in_time_us, double now_us) const;
  [[nodiscard]] double patience_us(size_t plan, double asked_us) const;
  [[nodiscard]] double expected_us(size_t plan, double asked_us, double now_us) const;
  [[nodiscard]] bool pays(size_t plan, double asked_us, double now_us) const;
  [[nodiscard]] double call_us(size_t plan, double now_us) const;

  /// What was seen lately and is forgotten with time: an edge that is not asked says nothing of its queue.
  struct Fading {
    double value = 0, noted_us = 0;
    double forget_us = 30e6;  // e-fold
    [[nodiscard]] double at(double now_us) const;
    void mix(double seen, double now_us);
  };
  std::vector<PlanTraits> plans_;
  std::vector<Fading> excesses_;  // of each plan's edge_us: what the edge took beyond its own time, as a queue makes it
  /// Since the last switch. One that did worse than what was left for it is not made again for a while, twice as long each time: a link that swings
  /// with the dwell time would win each turn.
  struct Stint {
    double left_us = 0, sum_us = 0;  // predicted of the plan that was left; latencies since
    int64_t images = 0;
  };
  struct Trial {
    int failures = 0;
    double barred_until_us = 0;
  };
  Stint stint_;
  std::vector<Trial> trials_;     // of each plan
  std::vector<bool> is_allowed_;  // each plan
  std::vector<Fading> overruns_;  // of each plan: what images took beyond what was predicted, as a share
  Fading silence_;                // share of calls that were not answered
  double promised_us_ = 0;        // of the image that was chosen for last
  ControllerOptions options_;
  LinkEstimate link_;
  size_t current_ = 0;
  int64_t switches_ = 0;
  double switched_us_ = 0, measured_us_ = 0, probed_us_ = 0, no_probe_before_us_ = 0;
  int lost_probes_ = 0;     // in a row
  bool surprised_ = false;  // the link was not what it was expected to be: it is measured at the next chance
  bool has_chosen_ = false, was_settled_ = false;
  double slowness_ = 1;
};

}  // namespace scissionlite::control
