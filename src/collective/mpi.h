// Members that are processes of an MPI job: mpirun, or Slurm's srun.
#pragma once

#include <memory>

#include "collective/collective.h"

namespace scissionlite {

/// Whether this process was started by mpirun or srun with MPI, as one of several. Asks the environment only.
[[nodiscard]] bool is_under_mpi();
/// @throws InvalidArgument: Slurm started several tasks of this program without MPI between them, each of which would do all of the work.
void refuse_tasks_without_mpi();
/// As the environment says; 0 where there is no MPI.
[[nodiscard]] int rank_under_mpi();

/// This process as a member, with its rank in MPI_COMM_WORLD. Once a process. Values go to rank 0 and the result comes back, so that they are the
/// same bits as in other transports; each member waits `wait_s` for the others at most. When it is destroyed behind an exception all processes are
/// ended, as MPI has no other way.
/// @throws Unsupported: built without MPI, or with another one than mpirun's.
[[nodiscard]] std::unique_ptr<Collective> join_mpi(double wait_s);

}  // namespace scissionlite
