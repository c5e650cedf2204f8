// Members that compute together and exchange numbers: threads of a process, processes of a cluster, sites that dial out to a hub.
//
// What lives here: the interface (this file), what a round's values become (round.h), and one file a transport: threads.h (a process), mpi.h (mpirun,
// Slurm), hub.h and hub_member.h (sites over mTLS). All give the same bits for the same values, as one function makes them at one place. Relies on
// base.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "collective/packed.h"
#include "collective/round.h"

namespace scissionlite {

/// Members that are gone, or did not come in time; the others cannot end the round.
class MemberLost : public TransportError {
 public:
  MemberLost(std::vector<int> ranks, const std::string& why) : TransportError(why, /*retryable=*/false), ranks_(std::move(ranks)) {}
  [[nodiscard]] const std::vector<int>& ranks() const { return ranks_; }

 private:
  std::vector<int> ranks_;
};

/// What a member exchanged so far. Bytes are those of values, without what a transport puts around them.
struct ExchangeCounts {
  int64_t rounds = 0, bytes_sent = 0, bytes_received = 0;
  double seconds = 0;  // in rounds, most of it waiting for others
};

/// Each call is a round: all members make the same calls in the same order, with as many values each. Of one thread. @throws MemberLost;
/// InvalidArgument naming the rank whose call is another one.
class Collective {
 public:
  virtual ~Collective() = default;
  [[nodiscard]] virtual int rank() const = 0;
  [[nodiscard]] virtual int size() const = 0;
  /// Members that share this machine's cores with this one, and itself.
  [[nodiscard]] virtual int size_here() const = 0;
  /// Ranks that took part in the last round, ascending: all, but where a hub goes on without one that is lost. The same in all of them.
  [[nodiscard]] virtual std::vector<int> present() const;
  /// The first one of those: it speaks for all, and measures time.
  [[nodiscard]] bool leads() const { return present().front() == rank(); }
  /// Whether this member has a disk of its own, so that it writes what the first one writes as well.
  [[nodiscard]] virtual bool is_apart() const { return false; }
  /// Whether the others had begun before this member came: its first call is to be `welcome`.
  [[nodiscard]] virtual bool is_late() const { return false; }
  /// Whether someone waits to be taken back, as of the last round; the same in all members. They are to call `welcome` then.
  [[nodiscard]] virtual bool has_newcomers() const { return false; }
  /// All get what the first member gives; those who waited are members from here on. Each call of it is a round.
  [[nodiscard]] std::string welcome(std::string_view bytes) { return counted(Round::kWelcome, bytes); }

  /// Each value becomes its mean over the members. Cost: each member sends and receives all values once.
  void average(std::span<float> values, Packing packing = Packing::kNone, size_t wide_from = SIZE_MAX);
  /// Each value becomes its sum over the members.
  void sum(std::span<double> values);
  /// Each value becomes that of the first member.
  void broadcast(std::span<float> values);
  /// What each member gives, by rank; nothing of one that is gone. All goes to all: not for large things.
  [[nodiscard]] std::vector<std::string> gather(std::string_view bytes);

  [[nodiscard]] const ExchangeCounts& counts() const { return counts_; }

 protected:
  /// Ends when all members have come. @return what `combined` makes of all they gave.
  [[nodiscard]] virtual std::string exchange(Round round, std::string_view mine) = 0;

 private:
  [[nodiscard]] std::string counted(Round round, std::string_view mine);
  ExchangeCounts counts_;
};

/// One member.
class Alone final : public Collective {
 public:
  [[nodiscard]] int rank() const override { return 0; }
  [[nodiscard]] int size() const override { return 1; }
  [[nodiscard]] int size_here() const override { return 1; }

 protected:
  [[nodiscard]] std::string exchange(Round round, std::string_view mine) override { return combined(round, {mine}); }
};

}  // namespace scissionlite
