// A member of an MPI job: run by test_mpi.py with mpirun.
//   mpi_members rounds              the checks of every transport
//   mpi_members stall SECONDS WAIT  rank 1 sleeps so long before a round; members wait so long
//   mpi_members die                 rank 1 ends before a round
#include <iostream>
#include <thread>

#include "collective/mpi.h"
#include "collective/test_members.h"

namespace {

int failures_of(scissionlite::Collective& members) {
  scissionlite::testing_collective::check_rounds(members);
  scissionlite::testing_collective::check_refusals(members);
  return testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed() ? 1 : 0;
}

int run(const std::string& what, double sleep_s, double wait_s) {
  const auto members = scissionlite::join_mpi(wait_s);
  std::vector<float> values{static_cast<float>(members->rank())};
  if (what == "rounds") return failures_of(*members);
  try {
    members->average(values);
    if (members->rank() == 1 && what == "die") std::_Exit(7);
    if (members->rank() == 1) std::this_thread::sleep_for(std::chrono::duration<double>(sleep_s));
    for (int i = 0; i < 3; ++i) members->average(values);
  } catch (const scissionlite::MemberLost& lost) {
    std::cerr << lost.what() << std::endl;
    throw;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  try {
    return run(argc > 1 ? argv[1] : "rounds", argc > 2 ? std::stod(argv[2]) : 0, argc > 3 ? std::stod(argv[3]) : 60);
  } catch (const scissionlite::Error&) { return 3; }
}
