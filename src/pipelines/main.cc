// scissionlite-generate TARGET PROBLEM KNOBS OBJECT: a kernel as an object file. Run by src/generate, for one kernel a process.
//   scissionlite-generate x86-64-avx2 "conv mb1ic64ih56..." "algorithm=0 tile_x=6 ..." kernel.o
// The problem's first word tells the kind: "conv ...", "chain conv ... + conv ...", "pool max ...", "strip ...; Mul %0 %1".
#include <iostream>

#include "pipelines/pipelines.h"

namespace scissionlite {
namespace {

int run(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: scissionlite-generate TARGET PROBLEM KNOBS OBJECT\n";
    return 2;
  }
  pipelines::compile({argv[2], kernels::parse_knobs(argv[3]), argv[1]}, argv[4]);
  return 0;
}

}  // namespace
}  // namespace scissionlite

int main(int argc, char** argv) {
  try {
    return scissionlite::run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
