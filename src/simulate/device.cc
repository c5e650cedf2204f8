#include "simulate/device.h"

#include <algorithm>

#include "base/text.h"

namespace scissionlite::simulate {
namespace {

constexpr double kRetransmissionUs = 200e3;  // TCP's least
constexpr double kPingBytes = 60;
constexpr double kProbeTimeoutUs = 2e6;
constexpr double kPauseUs = 50e3;       // that a busy edge asks for
constexpr double kLongestLookUs = 5e6;  // until it is looked again whether a check is due: the link may be faster by then
constexpr int64_t kRunsToLearn = 20;    // that a device became slower

net::LaneOptions lane(const net::LinkOptions& link, bool is_up) {
  return {.rate_bps = is_up ? link.up_bps : link.down_bps,
          .delay_us = link.rtt_us / 2,
          .jitter_us = link.jitter_us,
          .stall_every_us = link.stall_every_us,
          .stall_for_us = link.stall_for_us,
          .black_hole = link.black_hole};
}

control::BreakerOptions seeded(control::BreakerOptions options, uint64_t seed) {
  options.seed = seed;
  return options;
}

}  // namespace

Device::Device(const WorldOptions& options, size_t number, Agenda& agenda, Mail& mail, Summary& summary)
    : options_(options),
      number_(number),
      agenda_(agenda),
      mail_(mail),
      summary_(summary),
      rng_(options.seed * 1000003 + number),
      controller_(options.plans, options.controller),
      up_({}, 0, rng_.next()),
      down_({}, 0, rng_.next()),
      outside_(options) {}

void Device::violated(const std::string& what, double now_us) {
  summary_.violated("seed " + std::to_string(options_.seed) + ", " + format_fixed(now_us * 1e-6, 3) + " s, device " + std::to_string(number_) + ": " +
                    what);
}

/// Knows nothing of what was.
void Device::start(double now_us) {
  const size_t plans = options_.plans.size();
  controller_ = control::Controller(options_.plans, options_.controller);
  breakers_.clear();
  for (size_t plan = 0; plan < plans; ++plan) breakers_.emplace_back(seeded(options_.breaker, rng_.next()));
  usable_.assign(plans, false), checked_.assign(plans, 0), checks_.assign(plans, {}), probe_ = {};
  connection_is_dead_ = false;
  for (size_t plan = 0; plan < plans; ++plan) watch(plan, now_us);
  agenda_.add(now_us + rng_.uniform(0, options_.period_us), Due::Kind::kFrame, number_, ++life_);
}

/// Switched off: nobody is there to be answered.
void Device::vanish(double now_us) {
  summary_.lost += static_cast<int64_t>(waiting_.size()) + (current_ ? 1 : 0), summary_.switches += controller_.switches();
  waiting_.clear(), current_.reset(), inbox_.clear();
  answered_ = next_image_ - 1, asleep_until_us_ = now_us;
  mail_.reschedule(number_, true);
  agenda_.add(gone_until_us_, Due::Kind::kReturn, number_, 0);
}

void Device::wake(double now_us) {
  for (const auto& message : std::exchange(inbox_, {})) receive(message, now_us);
}

void Device::set_link(const LinkChange& change, double now_us) {
  up_.set_options(lane(change.link, true), now_us), down_.set_options(lane(change.link, false), now_us);
  outside_.set_link(change, now_us);
  loss_ = change.loss;
  mail_.reschedule(number_, false);
}

void Device::apply(const Happening& happening, double now_us) {
  outside_.apply(happening, now_us);
  if (happening.event == Event::kDeviceSlower) {
    if (happening.value > slower_ * 1.05) runs_since_slower_ = 0;
    if (happening.value < slower_ / 1.05) runs_since_faster_ = 0;
    slower_ = happening.value;
  }
  if (happening.event == Event::kConnectionDead) connection_is_dead_ = true, mail_.reschedule(number_, true);
  if (now_us < gone_until_us_) return;
  if (happening.event == Event::kDeviceSuspended) {
    asleep_until_us_ = std::max(asleep_until_us_, now_us + happening.value * 1e6), runs_since_slower_ = 0;  // what it was at looks slow
    agenda_.add(asleep_until_us_, Due::Kind::kWake, number_, 0);
  }
  if (happening.event == Event::kDeviceGone && number_ == 0) gone_until_us_ = now_us + happening.value * 1e6, vanish(now_us);
}

void Device::send(Message message, double now_us) {
  if (connection_is_dead_ || now_us < gone_until_us_) return;
  if (loss_ > 0)
    while (rng_.uniform() < loss_ && message.late_us < 20 * kRetransmissionUs) message.late_us += kRetransmissionUs;
  mail_.send(message.is_up ? up_ : down_, message, now_us);
}

Message Device::request(Message::Kind kind, size_t plan, double bytes, uint64_t call) const {
  return {.kind = kind, .device = number_, .plan = plan, .number = call, .bytes = bytes};
}

void Device::on(const Due& due) {
  if (due.at_us < gone_until_us_) return;
  if (due.at_us < asleep_until_us_) agenda_.add(asleep_until_us_, due.kind, number_, due.id);
  else handle(due);
}

void Device::handle(const Due& due) {
  switch (due.kind) {
    case Due::Kind::kFrame:
      if (due.id == life_) take_frame(due.at_us);
      break;
    case Due::Kind::kHeadDone:
      if (current_ && current_->image.number == due.id) head_done(due.at_us);
      break;
    case Due::Kind::kLocalDone:
      if (!current_ || current_->image.number != due.id) break;
      learn(due.at_us - current_->local_began_us, options_.plans[current_->plan].local_us), finish(false, false, due.at_us);
      break;
    case Due::Kind::kBudget:
      if (current_ && current_->stage == Stage::kCall && current_->call == due.id) give_up(due.at_us);
      break;
    case Due::Kind::kCheckDue:
      if (breakers_[due.id].is_ready() || checks_[due.id].call != 0) break;
      if (check_due_us(due.id) > due.at_us) watch(due.id, due.at_us);
      else start_check(due.id, due.at_us);
      break;
    case Due::Kind::kCheckTimeout:
      for (size_t plan = 0; plan < checks_.size(); ++plan)
        if (checks_[plan].call == due.id && due.id != 0) lose_check(plan, due.at_us);
      break;
    case Due::Kind::kProbeTimeout:
      if (probe_.call != due.id) break;
      probe_.call = 0;
      if (probe_.round_trip_us > 0) controller_.note_lost_probe(probe_.bytes, kProbeTimeoutUs, due.at_us);
      else fall(due.at_us);
      break;
    case Due::Kind::kWake: wake(due.at_us); break;
    case Due::Kind::kReturn: runs_since_slower_ = 0, outside_.forget(due.at_us), start(due.at_us); break;
    default: break;
  }
}

void Device::give_up(double now_us) {
  const size_t plan = current_->plan;
  if (!current_->held) {
    controller_.note_silence(plan, options_.plans[plan].up_bytes, current_->budget_us, now_us);
    if (breakers_[plan].missed("missed", now_us)) watch(plan, now_us), fall(now_us);
  }
  answer_locally(now_us);
}

void Device::take_frame(double now_us) {
  if (!films_) return;
  agenda_.add(now_us + options_.period_us * rng_.uniform(0.9, 1.1), Due::Kind::kFrame, number_, life_);
  if (waiting_.size() >= options_.device_queue) {
    ++summary_.refused;
    return;
  }
  ++summary_.images;
  waiting_.push_back({next_image_++, now_us});
  if (waiting_.size() > options_.device_queue) violated("more images wait than may", now_us);
  if (!current_) begin(now_us);
}

void Device::begin(double now_us) {
  if (waiting_.empty()) return;
  const auto image = waiting_.front();
  waiting_.pop_front();
  see_usable(now_us);
  const size_t plan = controller_.choose(usable_, now_us);
  const auto& traits = options_.plans[plan];
  current_ = Current{.image = image, .plan = plan, .began_us = now_us};
  const auto& wish = options_.controller;
  const double needed_us = (traits.head_us + traits.local_us) * slower_ * (1 + wish.reserve_share) * (1 + 2 * options_.noise) + wish.reserve_us;
  const double left_us = image.accepted_us + wish.deadline_us - now_us;
  current_->could_be_in_time = wish.deadline_us <= 0 || left_us >= needed_us;
  current_->edge_could_be = edge_could_be_in_time(plan, left_us, now_us);
  agenda_.add(now_us + taking(traits.head_us), Due::Kind::kHeadDone, number_, image.number);
}

/// That of the chosen plan; of any other where the device alone is always late, and the image has not waited, which choosing does not know.
bool Device::edge_could_be_in_time(size_t chosen, double left_us, double now_us) const {
  const double deadline_us = options_.controller.deadline_us;
  if (deadline_us <= 0 || !outside_.is_known(now_us)) return false;
  const auto& traits = options_.plans[chosen];
  const bool is_always_late = (traits.head_us + traits.local_us) * slower_ > deadline_us;
  const bool any_would_do = is_always_late && left_us >= deadline_us - 1 && outside_.is_speed_known(now_us);
  for (size_t plan = 0; plan < usable_.size(); ++plan)
    if (usable_[plan] && (plan == chosen || any_would_do) && outside_.most_us(plan, slower_) <= left_us) return true;
  return false;
}

void Device::head_done(double now_us) {
  learn(now_us - current_->began_us, options_.plans[current_->plan].head_us);
  const bool asks = options_.plans[current_->plan].uses_edge && breakers_[current_->plan].is_usable(now_us);
  const double budget_us = asks ? controller_.edge_budget_us(current_->plan, now_us - current_->image.accepted_us, now_us) : 0;
  if (budget_us > 0) ask(now_us, budget_us);
  else answer_locally(now_us);
}

/// Of the device's speed.
void Device::learn(double us, double own_us) {
  controller_.note_compute(us, own_us);
  if (own_us >= control::kTellingUs) ++runs_since_slower_, ++runs_since_faster_;
}

void Device::ask(double now_us, double budget_us) {
  current_->stage = Stage::kCall, current_->call = next_call_++, current_->sent_us = now_us, current_->budget_us = budget_us;
  send(request(Message::Kind::kInfer, current_->plan, options_.plans[current_->plan].up_bytes, current_->call), now_us);
  agenda_.add(now_us + budget_us, Due::Kind::kBudget, number_, current_->call);
}

void Device::answer_locally(double now_us) {
  const auto& plan = options_.plans[current_->plan];
  current_->call = 0;  // whatever still comes is late
  if (!plan.answers_locally) return finish(false, true, now_us);
  if (plan.local_us <= 0) return finish(false, false, now_us);
  current_->stage = Stage::kLocal, current_->local_began_us = now_us;
  agenda_.add(now_us + taking(plan.local_us), Due::Kind::kLocalDone, number_, current_->image.number);
}

void Device::finish(bool from_edge, bool is_error, double now_us) {
  if (current_->image.number != ++answered_)
    violated("image " + std::to_string(current_->image.number) + " is answered, expected " + std::to_string(answered_), now_us);
  const double latency_us = now_us - current_->image.accepted_us;
  ++(is_error ? summary_.errors : from_edge ? summary_.edge : summary_.local);
  if (!is_error) {
    summary_.latency_sum_us += latency_us;
    if (options_.keeps_latencies) summary_.latencies_us.push_back(static_cast<float>(latency_us));
  }
  const double deadline_us = options_.controller.deadline_us;
  if (deadline_us > 0 && latency_us > deadline_us) {
    const bool edge_could_be = current_->edge_could_be && outside_.changed_us() <= current_->began_us;
    const bool knew_itself = runs_since_slower_ > kRunsToLearn, relied_on_edge = current_->sent_us > 0 && runs_since_faster_ <= kRunsToLearn;
    const bool has_slept = current_->image.accepted_us <= asleep_until_us_;
    if (knew_itself && !has_slept && ((current_->could_be_in_time && !relied_on_edge) || edge_could_be))
      violated("image " + std::to_string(answered_) + " by " + options_.plans[current_->plan].key + " took " + format_fixed(latency_us * 1e-3, 1) +
                   " ms, the deadline is " + format_fixed(deadline_us * 1e-3, 1) +
                   (current_->could_be_in_time ? "" : ", which the edge could have kept"),
               now_us);
    ++summary_.late;
  }
  controller_.note_latency(current_->plan, now_us - current_->began_us, now_us);
  current_.reset();
  begin(now_us);
  probe(now_us);  // while nothing else is on the link: the next image is at its head, or not there yet
}

void Device::receive(const Message& message, double now_us) {
  if (now_us < asleep_until_us_) return inbox_.push_back(message);
  switch (message.kind) {
    case Message::Kind::kAnswer: take_answer(message, now_us); break;
    case Message::Kind::kCheckAnswer: take_check(message, now_us); break;
    case Message::Kind::kPong: take_pong(message, now_us); break;
    case Message::Kind::kRefused:
    case Message::Kind::kBusy:
    case Message::Kind::kFailed: take_refusal(message, now_us); break;
    default: break;
  }
}

void Device::take_answer(const Message& message, double now_us) {
  if (!current_ || current_->stage != Stage::kCall || current_->call != message.number) {
    ++summary_.dropped;
    return;
  }
  auto& breaker = breakers_[current_->plan];
  if (message.connection != checked_[current_->plan]) {  // from a connection whose tail was not checked yet
    if (current_->held) ++summary_.dropped;
    current_->held = message;
    if (checks_[current_->plan].call == 0) start_check(current_->plan, now_us);
    return;
  }
  if (message.tail != 0) violated("an answer of another tail is taken", now_us);
  breaker.answered();
  controller_.note_answer(current_->plan, options_.plans[current_->plan].up_bytes, std::max(0.0, now_us - current_->sent_us - message.edge_us),
                          message.edge_us, now_us);
  finish(true, false, now_us);
}

void Device::take_refusal(const Message& message, double now_us) {
  for (size_t plan = 0; plan < checks_.size(); ++plan)
    if (checks_[plan].call != 0 && checks_[plan].call == message.number) {
      checks_[plan].call = 0;
      const bool was_ready = breakers_[plan].is_ready();
      if (message.kind == Message::Kind::kBusy) breakers_[plan].told_to_wait("busy", kPauseUs, now_us);
      if (message.kind == Message::Kind::kRefused) breakers_[plan].refused("another tail", now_us);
      else breakers_[plan].unreachable("failed", now_us);
      watch(plan, now_us);
      if (was_ready && message.kind != Message::Kind::kRefused) fall(now_us);
      return;
    }
  if (!current_ || current_->stage != Stage::kCall || current_->call != message.number) return;
  const size_t plan = current_->plan;
  if (message.kind == Message::Kind::kBusy) {
    breakers_[plan].told_to_wait("busy", kPauseUs, now_us);
  } else if (message.kind == Message::Kind::kFailed) {
    fall(now_us);
  } else if (checks_[plan].call == 0) {
    start_check(plan, now_us);  // it holds another tail, or did not like this image
  }
  answer_locally(now_us);
}

/// A check begins with small calls, which have no message here: where nothing gets through they are not answered, else the link is too slow for it.
void Device::lose_check(size_t plan, double now_us) {
  const bool was_ready = breakers_[plan].is_ready(), is_dead = connection_is_dead_ || up_.options().black_hole;
  checks_[plan].call = 0, connection_is_dead_ = false;  // the next one connects anew
  if (is_dead || !controller_.check_spacing_us(plan)) breakers_[plan].unreachable("silent", now_us);
  else breakers_[plan].too_slow("silent", now_us);
  watch(plan, now_us);
  if (was_ready) fall(now_us);
}

/// All plans share the link: each is checked before it is asked again.
void Device::fall(double now_us) {
  for (size_t plan = 0; plan < breakers_.size(); ++plan)
    if (breakers_[plan].failed("the link is lost", now_us)) watch(plan, now_us);
}

void Device::see_usable(double now_us) {
  for (size_t plan = 0; plan < usable_.size(); ++plan) usable_[plan] = options_.plans[plan].uses_edge && breakers_[plan].is_usable(now_us);
}

double Device::check_due_us(size_t plan) const {
  return std::max(breakers_[plan].check_due_us(), checks_[plan].sent_us + controller_.check_spacing_us(plan).value_or(0));
}

void Device::watch(size_t plan, double now_us) {
  if (options_.plans[plan].uses_edge && !breakers_[plan].is_ready())
    agenda_.add(std::clamp(check_due_us(plan), now_us, now_us + kLongestLookUs), Due::Kind::kCheckDue, number_, plan);
}

void Device::start_check(size_t plan, double now_us) {
  ++summary_.checks;
  checks_[plan] = {.call = next_call_++, .sent_us = now_us};
  send(request(Message::Kind::kCheck, plan, options_.plans[plan].up_bytes, checks_[plan].call), now_us);
  agenda_.add(now_us + options_.check_timeout_us, Due::Kind::kCheckTimeout, number_, checks_[plan].call);
}

void Device::take_check(const Message& message, double now_us) {
  if (checks_[message.plan].call != message.number) {
    ++summary_.dropped;
    return;
  }
  controller_.note_answer(message.plan, options_.plans[message.plan].up_bytes,
                          std::max(0.0, now_us - checks_[message.plan].sent_us - message.edge_us), message.edge_us, now_us);
  checks_[message.plan].call = 0;
  auto& breaker = breakers_[message.plan];
  if (message.tail != 0) {
    breaker.refused("another tail", now_us);
    return watch(message.plan, now_us);
  }
  breaker.passed();
  checked_[message.plan] = message.connection;
  probe(now_us);
  if (!current_ || current_->stage != Stage::kCall || current_->plan != message.plan || !current_->held) return;
  const auto held = *std::exchange(current_->held, std::nullopt);
  if (held.connection == message.connection) take_answer(held, now_us);
}

void Device::probe(double now_us) {
  see_usable(now_us);
  if (probe_.call != 0 || std::find(usable_.begin(), usable_.end(), true) == usable_.end()) return;
  const auto bytes = controller_.probe_due(now_us);
  if (!bytes) return;
  ++summary_.probes;
  probe_ = {.call = next_call_++, .sent_us = now_us, .bytes = *bytes};
  send(request(Message::Kind::kPing, 0, kPingBytes, probe_.call), now_us);
  agenda_.add(now_us + controller_.probe_patience_us(), Due::Kind::kProbeTimeout, number_, probe_.call);
}

void Device::take_pong(const Message& message, double now_us) {
  if (probe_.call == 0 || message.number != probe_.call) return;
  if (probe_.round_trip_us == 0) {
    probe_.round_trip_us = now_us - probe_.sent_us, probe_.call = next_call_++, probe_.sent_us = now_us;
    send(request(Message::Kind::kPing, 0, kPingBytes + probe_.bytes, probe_.call), now_us);
    agenda_.add(now_us + kProbeTimeoutUs, Due::Kind::kProbeTimeout, number_, probe_.call);
    return;
  }
  probe_.call = 0;
  controller_.note_probe(probe_.round_trip_us, probe_.bytes, now_us - probe_.sent_us, now_us);
}

void Device::check_done(double now_us) {
  if (current_ || !waiting_.empty()) violated(std::to_string(waiting_.size() + (current_ ? 1 : 0)) + " images were never answered", now_us);
  summary_.switches += controller_.switches();
}

}  // namespace scissionlite::simulate
