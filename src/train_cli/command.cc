#include "train_cli/command.h"

namespace scissionlite::cli {

int train_main(int argc, const char* const* argv) {
  const Program program{"scissionlite-train",
                        "ScissionLite: commands that compute gradients",
                        "docs/training.md describes them.",
                        {
#define SCISSIONLITE_COMMAND(name, summary, example) {#name, summary, example, declare_##name},
#include "train_cli/commands.inc"
#undef SCISSIONLITE_COMMAND
                        }};
  return run_program(program, argc, argv);
}

}  // namespace scissionlite::cli
