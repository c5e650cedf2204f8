// Where members meet: one round after the other, each ended by the last one who comes. Shared by transports whose members are in this process, or
// call into it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collective/round.h"

namespace scissionlite {

/// Between two looks at whether a caller that waits is still there.
inline constexpr auto kLookAgain = std::chrono::milliseconds(200);

/// What a round gave.
struct RoundResult {
  int64_t number = 0;
  std::string bytes;
  std::vector<int> present;    // ranks that took part
  bool has_newcomers = false;  // someone waits to be taken back
};

/// What becomes of a meeting that a member leaves, or does not come to in time.
enum class Loss : uint8_t {
  kEnds,    // it is over for all
  kGoesOn,  // rounds are of those who are left; it comes back by a welcome
};

/// Safe from any number of threads, one a member.
class Meeting {
 public:
  /// @param wait_s  that the first one to come waits for the last one at most.
  Meeting(int members, double wait_s, Loss loss = Loss::kEnds);

  /// Waits for all members, and gives all of them the same. A welcome takes in a member that is gone: it waits for the others' welcome, as long as
  /// they live.
  /// @param number  of the round, from 0, where calls may come twice: the round before gives what it gave, and so does the welcome that took this
  /// member in, whatever the number; nullopt: the one under way. @param is_cancelled  asked while it waits: whether nobody waits for the answer any
  /// more. What the call gave is forgotten then.
  /// @throws MemberLost: one left, or has not come in time (then the meeting is over for all, or this member was the one); InvalidArgument: members
  /// came for rounds of different kinds or lengths; TransportError: cancelled.
  [[nodiscard]] std::shared_ptr<const RoundResult> meet(int rank, Round round, std::string_view mine, std::optional<int64_t> number = {},
                                                        const std::function<bool()>& is_cancelled = {});
  /// The member comes no more: those who wait for it, or would, are told.
  void leave(int rank, const std::string& why);
  /// Those who are to come and were not heard of for the time that members are waited for come no more.
  void leave_silent();
  /// It is over for all.
  void close(const std::string& why);

  [[nodiscard]] int members() const { return static_cast<int>(members_.size()); }
  /// Number of the round that is under way.
  [[nodiscard]] int64_t round() const;
  /// Ranks that have not left.
  [[nodiscard]] std::vector<int> present() const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Coming {
    Round round;
    std::string_view bytes;
    uint64_t call;  // whose bytes these are: a call that is made again takes the place of the one before
  };
  struct Member {
    bool is_gone = false;
    std::optional<Coming> coming;  // to the round under way; of one that is gone: to a welcome
    int64_t welcomed = -1;         // the round that took it in
    Time heard{};                  // when its last call came, or was answered
  };
  void forget(Member& self, uint64_t call);
  void end_round();
  void dismiss(const std::vector<int>& ranks, const std::string& why);
  void check_open(int rank) const;
  [[nodiscard]] std::vector<int> missing() const;
  [[nodiscard]] std::vector<int> silent() const;
  [[nodiscard]] std::vector<int> there() const;
  [[nodiscard]] std::string differing(const std::vector<int>& ranks) const;

  const double wait_s_;
  const Loss loss_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Member> members_;  // by rank
  int64_t round_ = 0;            // number of the one under way
  uint64_t calls_ = 0;
  std::shared_ptr<const RoundResult> result_;
  std::string refused_;    // why the round before gave nothing
  std::vector<int> lost_;  // where it is over
  std::string why_lost_;
};

}  // namespace scissionlite
