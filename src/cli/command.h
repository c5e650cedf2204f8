// Command line: one file a command, each adding itself to the table in commands.inc.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace scissionlite::cli {

/// Options every command has.
struct Common {
  bool json = false;     // machine-readable result on stdout
  bool verbose = false;
  bool quiet = false;
  std::string command_line;  // as typed, for the "command" field of what is written
};

/// Declares the command's options on `app` and returns what runs it; the result is the process's exit code.
/// A command prints results on stdout, everything else on stderr, and throws scissionlite::Error on failure.
using Run = std::function<int()>;
using Declare = Run (*)(CLI::App& app, Common& common);

#define SCISSIONLITE_COMMAND(name, summary, example) Run declare_##name(CLI::App& app, Common& common);
#include "cli/commands.inc"
#undef SCISSIONLITE_COMMAND

/// Parses, runs, prints errors as "scissionlite <command>: error: ..." on stderr.
int main(int argc, const char* const* argv);

}  // namespace scissionlite::cli
