// The command line of scissionlite-train: one file a command, each adding itself to the table in commands.inc.
#pragma once

#include "program/program.h"

namespace scissionlite::cli {

#define SCISSIONLITE_COMMAND(name, summary, example) Run declare_##name(CLI::App& app, Common& common);
#include "train_cli/commands.inc"
#undef SCISSIONLITE_COMMAND

/// Runs the program `scissionlite-train`; see program/program.h.
int train_main(int argc, const char* const* argv);

}  // namespace scissionlite::cli
