#include "collective/meeting.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "collective/collective.h"

namespace scissionlite {
Meeting::Meeting(int members, double wait_s) : wait_s_(wait_s), given_(static_cast<size_t>(std::max(0, members))) {
  if (members < 1) throw InvalidArgument("[collective] " + std::to_string(members) + " members; expected at least 1");
  if (!(wait_s > 0)) throw InvalidArgument("[collective] members wait " + format_fixed(wait_s, 3) + " s for each other; expected more than 0");
}

std::string Meeting::meet(int rank, Round round, std::string_view mine) {
  std::unique_lock lock(mutex_);
  check_open();
  const int64_t number = round_;
  given_.at(static_cast<size_t>(rank)) = {round, mine};
  if (missing().empty()) end_round();
  else if (!changed_.wait_for(lock, std::chrono::duration<double>(wait_s_), [&] { return round_ != number || !lost_.empty(); })) {
    const auto absent = missing();
    end(absent, message_of_absent(absent, round, wait_s_));
  }
  if (round_ == number) check_open();
  if (!refused_.empty()) throw InvalidArgument(refused_);
  const auto result = result_;  // the next round cannot end before this member comes to it
  lock.unlock();
  return *result;
}

void Meeting::leave(int rank, const std::string& why) {
  const std::lock_guard lock(mutex_);
  end({rank}, "[collective] rank " + std::to_string(rank) + " is gone: " + why);
}

void Meeting::end(std::vector<int> ranks, const std::string& why) {
  if (!lost_.empty()) return;
  lost_ = std::move(ranks), why_lost_ = why;
  changed_.notify_all();
}

void Meeting::check_open() const {
  if (!lost_.empty()) throw MemberLost(lost_, why_lost_);
}

std::vector<int> Meeting::missing() const {
  std::vector<int> out;
  for (size_t rank = 0; rank < given_.size(); ++rank)
    if (!given_[rank]) out.push_back(static_cast<int>(rank));
  return out;
}

void Meeting::end_round() {
  const auto round = given_[0]->round;
  std::vector<std::string_view> by_rank;
  refused_.clear();
  for (size_t rank = 0; rank < given_.size(); ++rank) {
    by_rank.push_back(given_[rank]->bytes);
    if (given_[rank]->round != round) refused_ = message_of_kinds(static_cast<int>(rank), given_[rank]->round, round);
  }
  if (refused_.empty()) {
    try {
      result_ = std::make_shared<const std::string>(combined(round, by_rank));
    } catch (const Error& error) {
      refused_ = error.what();
    }
  }
  std::fill(given_.begin(), given_.end(), std::nullopt);
  ++round_;
  changed_.notify_all();
}

}  // namespace scissionlite
