// A program as a table of commands: options every command has, help with an example, errors to exit codes.
//
// What lives here: the frame of `scissionlite` (src/cli) and of `scissionlite-train` (src/train_cli). Relies on base.
// Start with `run_program`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace scissionlite::cli {

/// Options every command has.
struct Common {
  bool json = false;  // machine-readable result on stdout
  bool verbose = false;
  bool quiet = false;
  std::string log_format = "text";
  std::string command_line;  // as typed, for the "command" field of what is written
};

/// Declares the command's options on `app` and returns what runs it; the result is the process's exit code.
/// A command prints results on stdout, everything else on stderr, and throws scissionlite::Error on failure.
using Run = std::function<int()>;
using Declare = Run (*)(CLI::App& app, Common& common);

struct Command {
  const char *name, *summary, *example;
  Declare declare;
};
struct Program {
  std::string name, description, footer;
  std::vector<Command> commands;
};

/// Parses, runs, prints errors as "<program> <command>: error: ..." on stderr. @return the exit code.
int run_program(const Program& program, int argc, const char* const* argv);

}  // namespace scissionlite::cli
