#include "control/controller.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::control {
namespace {

constexpr double kGain = 0.3;                                         // of what was measured last, in times that change slowly
constexpr double kPatience = 0.5;                                     // of the local half's time
constexpr double kFirstPatienceUs = 500e3;                            // while nothing is known of the link
constexpr double kLeastPatienceUs = 10e3;                             // a scheduler may take as long
constexpr double kProbePatience = 10, kLeastProbePatienceUs = 500e3;  // round trips
constexpr double kSurprise = 1.5;                                     // times what a call was expected to take
constexpr double kLeastProbeBytes = 1024, kMostProbeBytes = 1 << 20;
constexpr double kLostProbeRest = 2, kLongestProbeRestUs = 60e6;  // times as long as it was waited for; twice that for the next one
constexpr double kUnprobed = 5;                                   // times the spacing of probes, while images measure the rate
constexpr double kLongestCheckSpacingUs = 600e6;
constexpr double kForgetOverrunUs = 30e6;
constexpr int kMostFailures = 8;  // of trials, that double the time to the next one
constexpr double kMostOverrun = 2;
constexpr double kNever = std::numeric_limits<double>::infinity();

bool is_time(double us) { return std::isfinite(us) && us >= 0; }

double mixed(double before, double now) { return before <= 0 ? now : before + kGain * (now - before); }

void check(const PlanTraits& plan) {
  for (const double value : {plan.head_us, plan.local_us, plan.edge_us, plan.up_bytes})
    if (!is_time(value))
      throw InvalidArgument("[control] a time or size of plan '" + plan.key + "' is " + format_fixed(value, 3) + "; expected at least 0");
  if (!plan.uses_edge && !plan.answers_locally) throw InvalidArgument("[control] plan '" + plan.key + "' is answered by nobody");
}

}  // namespace

Controller::Controller(std::vector<PlanTraits> plans, ControllerOptions options)
    : plans_(std::move(plans)),
      excesses_(plans_.size()),
      trials_(plans_.size()),
      is_allowed_(plans_.size(), true),
      overruns_(plans_.size(), {.forget_us = kForgetOverrunUs}),
      options_(options) {
  if (plans_.empty()) throw InvalidArgument("[control] no plan is given; expected at least one");
  for (const auto& plan : plans_) check(plan);
}

double Controller::Fading::at(double now_us) const { return value == 0 ? 0 : value * std::exp(-(now_us - noted_us) / forget_us); }

void Controller::Fading::mix(double seen, double now_us) {
  const double before = at(now_us);
  value = before + kGain * (seen - before), noted_us = now_us;
}

double Controller::call_us(size_t plan, double now_us) const {
  return link_.transfer_us(plans_[plan].up_bytes) + plans_[plan].edge_us + excesses_[plan].at(now_us);
}

double Controller::reserve_us(const PlanTraits& plan, double extra_us) const {
  return plan.answers_locally ? (plan.local_us * slowness_ + extra_us) * (1 + options_.reserve_share) + options_.reserve_us : 0;
}

double Controller::predicted_us(size_t index, bool is_usable, double now_us) const {
  const double plain_us = plain_prediction_us(index, is_usable, now_us);
  return plans_[index].uses_edge && is_usable ? plain_us * (1 + std::max(0.0, overruns_[index].at(now_us))) : plain_us;
}

double Controller::plain_prediction_us(size_t index, bool is_usable, double now_us) const {
  const auto& plan = plans_[index];
  if (!plan.uses_edge) return local_path_us(plan);
  if (!is_usable) return plan.answers_locally ? local_path_us(plan) : kNever;
  const double head_us = plan.head_us * slowness_, asked_us = call_us(index, now_us);
  const double kept_us = options_.deadline_us - head_us - reserve_us(plan, 0);
  if (options_.deadline_us > 0 && asked_us > kept_us && (kept_us > 0 || !plan.answers_locally))  // waited for in vain
    return plan.answers_locally ? std::max(options_.deadline_us, local_path_us(plan)) : kNever;
  return head_us + (pays(index, asked_us, now_us) ? expected_us(index, asked_us, now_us) : plan.local_us * slowness_);
}

/// As long again as is expected, or a part of what the local half takes: giving up costs that whole. A call that is waited for in vain costs no more
/// than twice what was best.
double Controller::patience_us(size_t plan, double asked_us) const {
  return asked_us + std::max({asked_us, kPatience * plans_[plan].local_us * slowness_, kLeastPatienceUs});
}

/// Behind the head, with what silence costs.
double Controller::expected_us(size_t index, double asked_us, double now_us) const {
  const auto& plan = plans_[index];
  const double silent = plan.answers_locally ? silence_.at(now_us) : 0;
  return asked_us + silent * (patience_us(index, asked_us) + plan.local_us * slowness_ - asked_us);
}

bool Controller::pays(size_t index, double asked_us, double now_us) const {
  const auto& plan = plans_[index];
  return !options_.waits_only_where_it_pays || !plan.answers_locally || expected_us(index, asked_us, now_us) <= plan.local_us * slowness_;
}

/// Or a larger probe would say more of the link.
bool Controller::is_settled() const { return link_.is_known() && (!link_.is_bound() || link_.telling_bytes() >= kMostProbeBytes); }

/// As many as take half a round trip: fewer would be lost in it. At the largest size a link may stay faster than can be told.
double Controller::probe_bytes() const { return std::clamp(2 * link_.telling_bytes(), kLeastProbeBytes, kMostProbeBytes); }

/// So that probes keep to their share of the link.
double Controller::probe_spacing_us() const {
  return std::max(options_.probe_every_us, probe_bytes() * 8e6 / link_.rate_bps() / options_.probe_share);
}

size_t Controller::choose(const std::vector<bool>& is_usable, double now_us) {
  const size_t plan = best_plan(is_usable, now_us);
  promised_us_ = plain_prediction_us(plan, is_usable[plan], now_us);
  return plan;
}

void Controller::end_stint(double now_us) {
  auto& trial = trials_[current_];
  if (stint_.images == 0 || stint_.left_us <= 0 || !plans_[current_].uses_edge) return;
  const bool was_worse = stint_.sum_us > stint_.left_us * static_cast<double>(stint_.images);
  trial.failures = std::clamp(trial.failures + (was_worse ? 1 : -1), 0, kMostFailures);
  trial.barred_until_us = now_us + (was_worse ? std::ldexp(options_.dwell_us, trial.failures) : 0);
}

void Controller::note_latency(size_t plan, double us, double now_us) {
  if (plan == current_) stint_.sum_us += us, ++stint_.images;
  if (promised_us_ > 0 && std::isfinite(promised_us_)) overruns_[plan].mix(std::min(us / promised_us_ - 1, kMostOverrun), now_us);
}

void Controller::allow(std::vector<bool> is_allowed) {
  const bool none = std::none_of(is_allowed.begin(), is_allowed.end(), [](bool one) { return one; });
  is_allowed_ = none ? std::vector<bool>(plans_.size(), true) : std::move(is_allowed);
}

/// Of those that may be taken, also where little is known: the current one may not.
size_t Controller::leave_at_once(const std::vector<bool>& is_usable, double now_us) {
  size_t best = plans_.size();
  for (size_t i = 0; i < plans_.size(); ++i)
    if (is_allowed_[i] && (best == plans_.size() || predicted_us(i, is_usable[i], now_us) < predicted_us(best, is_usable[best], now_us))) best = i;
  stint_ = {};
  current_ = best, switched_us_ = now_us, ++switches_;
  return current_;
}

bool Controller::would_be_late(size_t plan, bool is_usable, double now_us) const {
  return options_.deadline_us > 0 && predicted_us(plan, is_usable, now_us) > options_.deadline_us;
}

size_t Controller::best_plan(const std::vector<bool>& is_usable, double now_us) {
  if (!has_chosen_) has_chosen_ = true, switched_us_ = now_us - options_.dwell_us;
  if (!is_allowed_[current_]) return leave_at_once(is_usable, now_us);
  if (plans_.size() == 1 || now_us - switched_us_ < options_.dwell_us) return current_;
  was_settled_ = was_settled_ || is_settled();
  if (is_usable[current_] && !was_settled_) return current_;  // soon more is known
  const bool is_late = would_be_late(current_, is_usable[current_], now_us);
  size_t best = current_;
  for (size_t i = 0; i < plans_.size(); ++i) {
    if (!is_allowed_[i] || (is_usable[i] && !link_.is_known())) continue;
    const bool is_barred = i != current_ && now_us < trials_[i].barred_until_us;
    if (is_barred && (!is_late || would_be_late(i, is_usable[i], now_us))) continue;
    if (predicted_us(i, is_usable[i], now_us) < predicted_us(best, is_usable[best], now_us)) best = i;
  }
  if (best == current_) return current_;
  const bool is_better =
      predicted_us(best, is_usable[best], now_us) <= (1 - options_.hysteresis) * predicted_us(current_, is_usable[current_], now_us);
  if (!is_better && (!is_late || would_be_late(best, is_usable[best], now_us))) return current_;
  end_stint(now_us);
  stint_ = {.left_us = predicted_us(current_, is_usable[current_], now_us)};
  current_ = best, switched_us_ = now_us, ++switches_;
  return current_;
}

double Controller::edge_budget_us(size_t index, double spent_us, double now_us, double extra_local_us) const {
  const auto& plan = plans_[index];
  const double in_time_us = options_.deadline_us > 0 ? options_.deadline_us - spent_us - reserve_us(plan, extra_local_us) : options_.call_timeout_us;
  if (!plan.answers_locally) return in_time_us;
  if (in_time_us <= 0) return late_budget_us(index, spent_us, in_time_us, now_us);
  if (!options_.waits_only_where_it_pays) return in_time_us;
  if (!link_.is_known()) return std::min(in_time_us, std::max(kFirstPatienceUs, 2 * plan.local_us * slowness_));
  const double asked_us = call_us(index, now_us);
  if (!pays(index, asked_us, now_us)) return 0;
  return asked_us > in_time_us ? in_time_us - asked_us : std::min(in_time_us, patience_us(index, asked_us));
}

/// Where the local half would be late, no time is kept for it; but what it needs on a device that is throttled no longer, where the edge has enough
/// beside that. @param in_time_us  below 0: where the edge is not asked either.
double Controller::late_budget_us(size_t index, double spent_us, double in_time_us, double now_us) const {
  const auto& plan = plans_[index];
  const double left_us = options_.deadline_us - spent_us - options_.reserve_us, asked_us = call_us(index, now_us),
               recovered_us = left_us - plan.local_us * (1 + options_.reserve_share);
  if (!link_.is_known()) return left_us;
  if (!pays(index, asked_us, now_us)) return 0;
  if (asked_us + std::max(asked_us, kLeastPatienceUs) <= recovered_us) return recovered_us;
  if (asked_us <= left_us) return left_us;
  return options_.waits_only_where_it_pays ? patience_us(index, asked_us) : in_time_us;  // late by either: by the sooner
}

void Controller::note_compute(double us, double own_us) {
  if (own_us >= kTellingUs && std::isfinite(us) && us > 0) slowness_ = mixed(slowness_, std::clamp(us / own_us, 1 / kMostSlowness, kMostSlowness));
}

void Controller::note_answer(size_t index, double bytes, double wire_us, double edge_us, double now_us) {
  if (!is_time(bytes) || !is_time(wire_us) || !is_time(edge_us)) return;
  auto& plan = plans_[index];
  auto& excess = excesses_[index];
  if (plan.edge_us <= 0) plan.edge_us = edge_us;
  plan.edge_us = std::min(edge_us, plan.edge_us + 0.002 * (edge_us - plan.edge_us));  // near the least of what was seen
  excess.mix(edge_us - plan.edge_us, now_us);
  silence_.mix(0, now_us);
  plan.up_bytes = mixed(plan.up_bytes, bytes);
  const bool tells = bytes >= link_.telling_bytes();
  const double expected_us = link_.transfer_us(bytes);
  if (link_.is_known() && (wire_us > kSurprise * expected_us || wire_us < expected_us / kSurprise)) surprised_ = true;
  link_.note_transfer(bytes, wire_us);
  if (tells) measured_us_ = now_us, lost_probes_ = 0;
}

void Controller::note_silence(size_t, double bytes, double waited_us, double now_us) {
  link_.note_silence(bytes, waited_us);
  silence_.mix(1, now_us);
  surprised_ = true;
}

std::optional<double> Controller::probe_due(double now_us) const {
  if (std::none_of(plans_.begin(), plans_.end(), [](const auto& plan) { return plan.uses_edge; })) return std::nullopt;
  if (now_us < no_probe_before_us_) return std::nullopt;
  const bool knows_round_trip = now_us - probed_us_ < kUnprobed * probe_spacing_us();  // which images do not tell
  if (is_settled() && !surprised_ && knows_round_trip && now_us - measured_us_ < probe_spacing_us()) return std::nullopt;
  return probe_bytes();
}

size_t Controller::checked_first() const {
  const auto& now = plans_[current_];
  const bool may_pay = !options_.waits_only_where_it_pays || !now.answers_locally || link_.transfer_us(now.up_bytes) <= now.local_us * slowness_;
  if (now.uses_edge && may_pay) return current_;
  size_t best = current_;
  for (size_t plan = 0; plan < plans_.size(); ++plan)
    if (plans_[plan].uses_edge && (!plans_[best].uses_edge || plans_[plan].up_bytes < plans_[best].up_bytes)) best = plan;
  return best;
}

std::optional<double> Controller::check_spacing_us(size_t plan) const {
  if (plan == checked_first()) return std::nullopt;
  if (!link_.is_known()) return 0;
  return std::min(plans_[plan].up_bytes * 8e6 / link_.rate_bps() / options_.check_share, kLongestCheckSpacingUs);
}

double Controller::probe_patience_us() const { return std::max(kLeastProbePatienceUs, kProbePatience * link_.rtt_us()); }

void Controller::note_probe(double round_trip_us, double bytes, double us, double now_us) {
  link_.note_round_trip(round_trip_us);
  link_.note_transfer(bytes, us);
  silence_.mix(0, now_us);
  measured_us_ = probed_us_ = now_us, surprised_ = false, lost_probes_ = 0;
}

void Controller::note_lost_probe(double bytes, double waited_us, double now_us) {
  if (waited_us > link_.transfer_us(bytes)) link_.note_silence(bytes, waited_us);  // else it failed before its time, which says nothing of the rate
  const double rest_us = std::ldexp(std::max(options_.probe_every_us, kLostProbeRest * waited_us), std::min(lost_probes_++, kMostFailures));
  no_probe_before_us_ = now_us + std::min(rest_us, kLongestProbeRestUs);
  surprised_ = true;  // what is known now is a bound: it is measured when that is over, however long such a link would take
}

}  // namespace scissionlite::control
