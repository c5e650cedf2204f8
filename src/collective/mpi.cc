#include "collective/mpi.h"

#include <cstdlib>
#include <cstring>

#ifdef SCISSIONLITE_MPI
#include <mpi.h>

#include <array>
#include <chrono>
#include <exception>
#include <functional>
#include <thread>

#include "base/clock.h"
#include "base/text.h"
#endif

namespace scissionlite {
namespace {

bool is_more_than_one(const char* variable) {
  const char* value = std::getenv(variable);
  return value && std::atoi(value) > 1;
}

}  // namespace

bool is_under_mpi() {
  return is_more_than_one("OMPI_COMM_WORLD_SIZE") || is_more_than_one("PMI_SIZE") || (std::getenv("PMIX_RANK") && is_more_than_one("SLURM_NTASKS"));
}

void refuse_tasks_without_mpi() {
  if (is_under_mpi() || !is_more_than_one("SLURM_STEP_NUM_TASKS")) return;
  throw InvalidArgument(
      std::string("[collective] Slurm started ") + std::getenv("SLURM_STEP_NUM_TASKS") +
      " tasks of this program without MPI between them: each would do all of the work and write the same files; start them by srun --mpi=pmix (srun --mpi=list " +
      "says which there are), or by mpirun in the allocation");
}

int rank_under_mpi() {
  for (const char* variable : {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"})
    if (const char* value = std::getenv(variable)) return std::atoi(value);
  return 0;
}

#ifndef SCISSIONLITE_MPI

std::unique_ptr<Collective> join_mpi(double) {
  throw Unsupported(
      "[collective] built without MPI; install libopenmpi-dev and configure the build again, or use --workers for threads of one process");
}

#else

namespace {

constexpr int kSize = 1, kValues = 2, kAnswerSize = 3, kAnswer = 4;  // tags
constexpr int64_t kLargest = int64_t{1} << 30;                       // bytes of a message
constexpr double kLonger_s = 5, kLeastSleep_us = 20, kMostSleep_us = 1000;

/// What a member says of its values, and rank 0 of the result.
struct Header {
  int64_t kind = 0, bytes = 0;
};
constexpr int64_t kRefused = -1;  // kind of an answer that is a message

class MpiMember final : public Collective {
 public:
  explicit MpiMember(double wait_s) : wait_s_(wait_s) {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    if (size_ == 1 && is_under_mpi())
      throw Unsupported(
          "[collective] this process was started as one of several, but MPI finds itself alone: mpirun is of another MPI than the one that this program was built with");
    MPI_Comm here;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
    MPI_Comm_size(here, &size_here_);
    MPI_Comm_free(&here);
  }
  ~MpiMember() override {
    if (std::uncaught_exceptions() > 0) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Finalize();
  }
  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return size_; }
  [[nodiscard]] int size_here() const override { return size_here_; }

 protected:
  [[nodiscard]] std::string exchange(Round round, std::string_view mine) override {
    if (static_cast<int64_t>(mine.size()) > kLargest)
      throw InvalidArgument("[collective] " + format_bytes(static_cast<double>(mine.size())) + " in a round; MPI takes 1 GiB at most");
    const auto answer = rank_ == 0 ? answer_all(round, mine) : ask(round, mine);
    if (answer.first.kind == kRefused) throw InvalidArgument(answer.second);
    return answer.second;
  }

 private:
  using Answer = std::pair<Header, std::string>;

  /// Asks again and again whether it is done, with ever longer sleeps: members may share a core.
  void wait(Round round, const std::vector<int>& for_ranks, const std::function<bool()>& is_done) const {
    // Rank 0 knows who is missing: others wait longer, so that it is the one to say so.
    const double wait_s = rank_ == 0 ? wait_s_ : 2 * wait_s_ + kLonger_s, until_us = Clock::steady().now_us() + wait_s * 1e6;
    for (double sleep_us = kLeastSleep_us; !is_done(); sleep_us = std::min(kMostSleep_us, 1.5 * sleep_us)) {
      if (Clock::steady().now_us() > until_us) throw MemberLost(for_ranks, message_of_absent(for_ranks, round, wait_s));
      std::this_thread::sleep_for(std::chrono::duration<double, std::micro>(sleep_us));
    }
  }
  void wait_for(Round round, MPI_Request& request, int rank) const {
    wait(round, {rank}, [&] {
      int is_there = 0;
      MPI_Test(&request, &is_there, MPI_STATUS_IGNORE);
      return is_there != 0;
    });
  }
  void send(Round round, const void* bytes, int64_t count, int to, int tag) const {
    MPI_Request request;
    MPI_Isend(bytes, static_cast<int>(count), MPI_BYTE, to, tag, MPI_COMM_WORLD, &request);
    wait_for(round, request, to);
  }
  void receive(Round round, void* bytes, int64_t count, int from, int tag) const {
    MPI_Request request;
    MPI_Irecv(bytes, static_cast<int>(count), MPI_BYTE, from, tag, MPI_COMM_WORLD, &request);
    wait_for(round, request, from);
  }

  Answer ask(Round round, std::string_view mine) const {
    const Header header{static_cast<int64_t>(round), static_cast<int64_t>(mine.size())};
    Answer answer;
    send(round, &header, sizeof header, 0, kSize);
    send(round, mine.data(), header.bytes, 0, kValues);
    receive(round, &answer.first, sizeof answer.first, 0, kAnswerSize);
    answer.second.resize(static_cast<size_t>(answer.first.bytes));
    receive(round, answer.second.data(), answer.first.bytes, 0, kAnswer);
    return answer;
  }

  Answer answer_all(Round round, std::string_view mine) const {
    std::vector<Header> headers(static_cast<size_t>(size_));
    std::vector<std::string> given(static_cast<size_t>(size_));
    std::vector<MPI_Request> requests(static_cast<size_t>(size_), MPI_REQUEST_NULL);
    headers[0] = {static_cast<int64_t>(round), static_cast<int64_t>(mine.size())};
    for (int rank = 1; rank < size_; ++rank)
      MPI_Irecv(&headers[static_cast<size_t>(rank)], sizeof(Header), MPI_BYTE, rank, kSize, MPI_COMM_WORLD, &requests[static_cast<size_t>(rank)]);
    std::vector<int> absent;
    const auto have_come = [&] {
      absent.clear();
      for (int rank = 1; rank < size_; ++rank) {
        int is_there = 0;
        MPI_Test(&requests[static_cast<size_t>(rank)], &is_there, MPI_STATUS_IGNORE);
        if (!is_there) absent.push_back(rank);
      }
      return absent.empty();
    };
    (void)have_come();
    wait(round, absent, have_come);
    Given by_rank{mine};
    for (int rank = 1; rank < size_; ++rank) {
      auto& bytes = given[static_cast<size_t>(rank)];
      bytes.resize(static_cast<size_t>(headers[static_cast<size_t>(rank)].bytes));
      receive(round, bytes.data(), static_cast<int64_t>(bytes.size()), rank, kValues);
      by_rank.emplace_back(bytes);
    }
    const auto answer = made_of(round, headers, by_rank);
    for (int rank = 1; rank < size_; ++rank) {
      send(round, &answer.first, sizeof answer.first, rank, kAnswerSize);
      send(round, answer.second.data(), answer.first.bytes, rank, kAnswer);
    }
    return answer;
  }

  static Answer made_of(Round round, const std::vector<Header>& headers, const Given& by_rank) {
    const auto with = [](int64_t kind, std::string bytes) {
      const auto size = static_cast<int64_t>(bytes.size());
      return Answer{{kind, size}, std::move(bytes)};
    };
    for (size_t rank = 0; rank < headers.size(); ++rank)
      if (headers[rank].kind != static_cast<int64_t>(round))
        return with(kRefused, message_of_kinds(static_cast<int>(rank), static_cast<Round>(headers[rank].kind), round));
    try {
      return with(static_cast<int64_t>(round), combined(round, by_rank));
    } catch (const InvalidArgument& error) { return with(kRefused, error.what()); }
  }

  double wait_s_;
  int rank_ = 0, size_ = 1, size_here_ = 1;
};

}  // namespace

std::unique_ptr<Collective> join_mpi(double wait_s) { return std::make_unique<MpiMember>(wait_s); }

#endif

}  // namespace scissionlite
