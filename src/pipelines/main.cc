// scissionlite-generate TARGET PROBLEM KNOBS OBJECT: a kernel as an object file. Run by src/generate, for one kernel a process.
//   scissionlite-generate x86-64-avx2 "conv mb1ic64ih56..." "algorithm=0 tile_x=6 ..." kernel.o
#include <iostream>

#include "base/error.h"
#include "base/text.h"
#include "pipelines/pipelines.h"
#include "tune/conv_space.h"

namespace scissionlite {
namespace {

kernels::Knobs parse_knobs(const std::string& text) {
  kernels::Knobs knobs;
  for (const auto& word : split(text, ' ')) {
    const auto at = word.find('=');
    size_t used = 0;
    try {
      if (at != std::string::npos) knobs[word.substr(0, at)] = std::stoll(word.substr(at + 1), &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used == 0 || used != word.size() - at - 1) throw InvalidArgument("[generate] '" + word + "' is no knob; expected \"algorithm=0 tile_x=6 ...\"");
  }
  return knobs;
}

int run(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: scissionlite-generate TARGET PROBLEM KNOBS OBJECT\n";
    return 2;
  }
  pipelines::compile({tune::parse_problem(argv[2]), parse_knobs(argv[3]), argv[1]}, argv[4]);
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
