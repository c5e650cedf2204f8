// Where each member of a run is, on its disk: a file of its own, and the one before, as members may be stopped between two files. Private to train/.
#pragma once

#include <optional>

#include "collective/collective.h"
#include "train/loop/checkpoint.h"

namespace scissionlite::train {

class MemberCheckpoints {
 public:
  /// @param file      of rank 0 and of members that are apart, whose disks are their own; others have ".rank1", ... behind it.
  /// @param identity  what has to be equal for a run to go on.
  MemberCheckpoints(fs::path file, Json identity, Collective& members);

  /// Atomic. @param header  at least "rounds", which tells files apart.
  void save(Checkpoint checkpoint) const;

  struct Resumed {
    Checkpoint state;
    bool is_own = true;  // else what one member had, which all go on from
  };
  /// A round of all members: of the newest state that all of them have. Where there is none, as the run had other members, all go on from the newest
  /// that one of them has. nullopt: there is nothing to go on from. @throws InvalidArgument: damaged, or of another run (names the difference).
  [[nodiscard]] std::optional<Resumed> resume() const;

 private:
  [[nodiscard]] std::vector<Checkpoint> read() const;
  void check(const std::vector<Checkpoint>& mine) const;
  void remove_old() const;
  [[nodiscard]] std::string bytes_of(int rank, const std::string& mine) const;
  fs::path file_, before_;
  Json identity_;
  Collective& members_;
};

}  // namespace scissionlite::train
