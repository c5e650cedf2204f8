#include "cli/command.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <vector>

#include <unistd.h>

namespace scissionlite::cli {
namespace {

/// Commands that live in the second program, which links libtorch.
constexpr const char* kTrainCommands[] = {"train", "retrain", "calibrate", "privacy", "prune", "sparsify", "quantize"};
constexpr const char* kTrainProgram = "scissionlite-train";

/// The program beside this one, or "" when there is none.
std::string neighbour(const char* program) {
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto path = own.parent_path() / program;
  return !error && access(path.c_str(), X_OK) == 0 ? path.string() : "";
}

/// `scissionlite train ...` runs `scissionlite-train train ...`, as git does: beside this program, else on PATH.
int run_train_program(int argc, const char* const* argv) {
  std::vector<char*> words{const_cast<char*>(kTrainProgram)};
  for (int i = 1; i < argc; ++i) words.push_back(const_cast<char*>(argv[i]));
  words.push_back(nullptr);
  if (const auto beside = neighbour(kTrainProgram); !beside.empty()) execv(beside.c_str(), words.data());
  execvp(kTrainProgram, words.data());
  std::cerr << "scissionlite " << argv[1] << ": error: the program '" << kTrainProgram << "' is neither beside this one nor on PATH ("
            << std::strerror(errno) << "); '" << argv[1]
            << "' needs it because it computes gradients.\nInstall libtorch (Debian: apt install libtorch-dev), configure and build again, "
            << "see docs/training.md.\n";
  return 4;
}

}  // namespace

int main(int argc, const char* const* argv) {
  if (argc > 1)
    for (const char* name : kTrainCommands)
      if (std::strcmp(argv[1], name) == 0) return run_train_program(argc, argv);
  const Program program{"scissionlite",
                        "ScissionLite: split inference of vision models between a device and an edge server",
                        "The road: inspect -> score, profile, probe -> plan -> prepare -> serve and run; bench and report measure and show it.\n"
                        "Commands that compute gradients (train) are in the program scissionlite-train; 'scissionlite train' runs it.",
                        {
#define SCISSIONLITE_COMMAND(name, summary, example) {#name, summary, example, declare_##name},
#include "cli/commands.inc"
#undef SCISSIONLITE_COMMAND
                        }};
  return run_program(program, argc, argv);
}

}  // namespace scissionlite::cli
