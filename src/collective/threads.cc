#include "collective/threads.h"

#include <exception>
#include <thread>

#include "collective/meeting.h"

namespace scissionlite {
namespace {

class ThreadMember final : public Collective {
 public:
  ThreadMember(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}
  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return meeting_.members(); }
  [[nodiscard]] int size_here() const override { return size(); }

 protected:
  [[nodiscard]] std::string exchange(Round round, std::string_view mine) override { return meeting_.meet(rank_, round, mine)->bytes; }

 private:
  Meeting& meeting_;
  int rank_;
};

void run_member(Meeting& meeting, int rank, const std::function<void(Collective&)>& member, std::exception_ptr& thrown) {
  try {
    ThreadMember collective(meeting, rank);
    member(collective);
    meeting.leave(rank, "it has ended");
  } catch (const std::exception& error) {
    thrown = std::current_exception();
    meeting.leave(rank, error.what());
  }
}

bool is_lost_member(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const MemberLost&) { return true; } catch (...) {
    return false;
  }
}

}  // namespace

void run_in_threads(int members, double wait_s, const std::function<void(Collective&)>& member) {
  Meeting meeting(members, wait_s);
  std::vector<std::exception_ptr> thrown(static_cast<size_t>(members));
  {
    std::vector<std::jthread> threads;
    for (int rank = 1; rank < members; ++rank)
      threads.emplace_back([&, rank] { run_member(meeting, rank, member, thrown[static_cast<size_t>(rank)]); });
    run_member(meeting, 0, member, thrown[0]);
  }
  std::exception_ptr first;
  for (const auto& one : thrown)
    if (one && (!first || (is_lost_member(first) && !is_lost_member(one)))) first = one;
  if (first) std::rethrow_exception(first);
}

}  // namespace scissionlite
