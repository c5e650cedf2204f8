// Where members meet: one round after the other, each ended by the last one who comes. Shared by transports whose members are in this process, or call into it.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collective/round.h"

namespace scissionlite {

/// Safe from any number of threads, one a member.
class Meeting {
 public:
  /// @param wait_s  that the first one to come waits for the last one at most.
  Meeting(int members, double wait_s);

  /// Waits for all members, and gives all of them the same. @throws MemberLost: one left, or has not come in time (then the meeting is over for all);
  /// InvalidArgument: members came for rounds of different kinds or lengths.
  [[nodiscard]] std::string meet(int rank, Round round, std::string_view mine);
  /// The member comes no more: those who wait for it, or would, are told.
  void leave(int rank, const std::string& why);

  [[nodiscard]] int members() const { return static_cast<int>(given_.size()); }

 private:
  struct Given {
    Round round;
    std::string_view bytes;
  };
  void end_round();
  void end(std::vector<int> ranks, const std::string& why);
  void check_open() const;
  [[nodiscard]] std::vector<int> missing() const;

  const double wait_s_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<Given>> given_;  // by rank, of the round that is under way
  int64_t round_ = 0;                        // number of the one under way
  std::shared_ptr<const std::string> result_;
  std::string refused_;                      // why the round before gave nothing
  std::vector<int> lost_;
  std::string why_lost_;
};

}  // namespace scissionlite
