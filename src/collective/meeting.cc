#include "collective/meeting.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "collective/collective.h"

namespace scissionlite {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Meeting::Meeting(int members, double wait_s, Loss loss) : wait_s_(wait_s), loss_(loss), members_(static_cast<size_t>(std::max(0, members))) {
  for (auto& member : members_) member.heard = Clock::now();
  if (members < 1) throw InvalidArgument("[collective] " + std::to_string(members) + " members; expected at least 1");
  if (!(wait_s > 0)) throw InvalidArgument("[collective] members wait " + format_fixed(wait_s, 3) + " s for each other; expected more than 0");
}

std::shared_ptr<const RoundResult> Meeting::meet(int rank, Round round, std::string_view mine, std::optional<int64_t> number,
                                                 const std::function<bool()>& is_cancelled) {
  std::unique_lock lock(mutex_);
  auto& self = members_.at(static_cast<size_t>(rank));
  const bool is_newcomer = self.is_gone && round == Round::kWelcome && loss_ == Loss::kGoesOn;
  if (!is_newcomer) check_open(rank);
  self.heard = Clock::now();
  if (number && !is_newcomer && *number != round_) {
    const bool was_taken_in = round == Round::kWelcome && self.welcomed == round_ - 1;  // its number was not known to the one that waited
    if (*number != round_ - 1 && !was_taken_in)
      throw InvalidArgument("[collective] rank " + std::to_string(rank) + " came to round " + std::to_string(*number) + ", others are at " +
                            std::to_string(round_));
    if (!refused_.empty()) throw InvalidArgument(refused_);
    return result_;
  }
  const int64_t before = round_;
  const uint64_t call = ++calls_;
  self.coming = {round, mine, call};
  if (!is_newcomer && missing().empty()) end_round();
  const auto is_done = [&] { return !lost_.empty() || (is_newcomer ? !self.is_gone : round_ != before || self.is_gone); };
  auto until = Clock::now() + std::chrono::duration<double>(wait_s_);
  while (!is_done()) {
    changed_.wait_until(lock, std::min<decltype(until)>(until, Clock::now() + kLookAgain), is_done);
    if (is_done()) break;
    if (is_cancelled && is_cancelled()) {
      forget(self, call);
      throw TransportError("[collective] nobody waits for rank " + std::to_string(rank) + "'s answer any more", /*retryable=*/true);
    }
    if (is_newcomer && there().empty()) {
      forget(self, call);
      throw MemberLost({rank}, "[collective] nobody is there to take rank " + std::to_string(rank) + " back");
    }
    if (Clock::now() < until) continue;
    const auto absent = is_newcomer ? silent() : missing();
    until = Clock::now() + std::chrono::duration<double>(wait_s_);
    if (!absent.empty()) dismiss(absent, message_of_absent(absent, round, wait_s_));
  }
  if (!is_newcomer && round_ != before + 1) check_open(rank);
  if (!lost_.empty() && is_newcomer && self.is_gone) check_open(rank);
  self.heard = Clock::now();
  if (!refused_.empty()) throw InvalidArgument(refused_);
  return result_;  // the next round cannot end before this member comes to it, or is lost
}

/// What it gave lies with the caller, who goes.
void Meeting::forget(Member& self, uint64_t call) {
  if (self.coming && self.coming->call == call) self.coming.reset();
}

void Meeting::leave(int rank, const std::string& why) {
  const std::lock_guard lock(mutex_);
  dismiss({rank}, "[collective] rank " + std::to_string(rank) + " is gone: " + why);
}

void Meeting::leave_silent() {
  const std::lock_guard lock(mutex_);
  if (const auto ranks = silent(); !ranks.empty()) dismiss(ranks, "[collective] not heard of for " + format_fixed(wait_s_, 1) + " s");
}

void Meeting::close(const std::string& why) {
  const std::lock_guard lock(mutex_);
  lost_ = there(), why_lost_ = "[collective] the meeting is over: " + why;
  changed_.notify_all();
}

int64_t Meeting::round() const {
  const std::lock_guard lock(mutex_);
  return round_;
}

std::vector<int> Meeting::present() const {
  const std::lock_guard lock(mutex_);
  return there();
}

void Meeting::dismiss(const std::vector<int>& ranks, const std::string& why) {
  if (loss_ == Loss::kEnds) {
    if (lost_.empty()) lost_ = ranks, why_lost_ = why;
  } else {
    for (const int rank : ranks) members_[static_cast<size_t>(rank)] = {.is_gone = true, .coming = {}, .welcomed = -1, .heard = {}};
    const auto left = there();
    if (!left.empty() && missing().empty()) end_round();
  }
  changed_.notify_all();
}

void Meeting::check_open(int rank) const {
  if (!lost_.empty()) throw MemberLost(lost_, why_lost_);
  if (members_[static_cast<size_t>(rank)].is_gone)
    throw MemberLost({rank}, "[collective] the others go on without rank " + std::to_string(rank) + ", which did not come in time or had left");
}

std::vector<int> Meeting::missing() const {
  std::vector<int> out;
  for (const int rank : there())
    if (!members_[static_cast<size_t>(rank)].coming) out.push_back(rank);
  return out;
}

std::vector<int> Meeting::silent() const {
  auto out = missing();
  std::erase_if(out, [&](int rank) { return Clock::now() - members_[static_cast<size_t>(rank)].heard < std::chrono::duration<double>(wait_s_); });
  return out;
}

std::vector<int> Meeting::there() const {
  std::vector<int> out;
  for (size_t rank = 0; rank < members_.size(); ++rank)
    if (!members_[rank].is_gone) out.push_back(static_cast<int>(rank));
  return out;
}

/// What is wrong where members came for different things; empty: nothing.
std::string Meeting::differing(const std::vector<int>& ranks) const {
  const auto of = [&](int rank) { return members_[static_cast<size_t>(rank)].coming->round; };
  for (const int rank : ranks)
    if (of(rank) != of(ranks[0])) return message_of_kinds(rank, of(rank), of(ranks[0]), ranks[0]);
  return "";
}

void Meeting::end_round() {
  const auto present = there();
  const auto round = members_[static_cast<size_t>(present[0])].coming->round;
  refused_ = differing(present);
  auto result = std::make_shared<RoundResult>();
  result->number = round_;
  try {
    Given given(members_.size());
    for (const int rank : present) given[static_cast<size_t>(rank)] = members_[static_cast<size_t>(rank)].coming->bytes;
    if (refused_.empty()) result->bytes = combined(round, given);
  } catch (const Error& error) { refused_ = error.what(); }
  for (auto& member : members_) {
    if (!member.coming) continue;
    if (!member.is_gone || round == Round::kWelcome)
      member = {.is_gone = false, .coming = {}, .welcomed = member.is_gone ? round_ : member.welcomed, .heard = Clock::now()};
    else result->has_newcomers = true;
  }
  result->present = there();
  result_ = std::move(result);
  ++round_;
  changed_.notify_all();
}

}  // namespace scissionlite
