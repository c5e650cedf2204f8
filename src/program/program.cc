#include "program/program.h"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <new>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "program/numbers.h"

namespace scissionlite::cli {
namespace {

std::string quoted_command_line(const std::string& program, int argc, const char* const* argv) {
  std::string out = program;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool plain = !word.empty() && word.find_first_of(" \t\n\"'$&|;<>()*?") == std::string::npos;
    out += plain ? " " + word : " '" + word + "'";
  }
  return out;
}

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return 2;
    case ErrorCode::kModel: return 3;
    case ErrorCode::kUnsupported: return 4;
    case ErrorCode::kTransport: return 5;
    case ErrorCode::kResource: return 6;
    case ErrorCode::kInternal: break;
  }
  return 70;  // EX_SOFTWARE of sysexits.h
}

}  // namespace

int run_program(const Program& program, int argc, const char* const* argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on files' sizes is an error of the write, told as that of a full disk
  CLI::App app(program.description);
  app.set_version_flag("--version", program.name + " " + kVersion);
  app.require_subcommand(1);
  app.footer(program.footer);
  Common common;
  common.command_line = quoted_command_line(program.name, argc, argv);
  std::vector<std::pair<CLI::App*, Run>> runs;
  for (const auto& row : program.commands) {
    auto* command = app.add_subcommand(row.name, row.summary);
    command->footer(std::string("Example:\n  ") + row.example);
    command->add_flag("--json", common.json, "print the result as JSON on stdout");
    command->add_flag("-v,--verbose", common.verbose, "log what is being done");
    command->add_flag("-q,--quiet", common.quiet, "log errors only");
    command->add_option("--log-format", common.log_format, "of lines on stderr: text, or json, an object a line")
        ->check(CLI::IsMember({"text", "json"}))
        ->capture_default_str();
    runs.emplace_back(command, row.declare(*command, common));
    check_numbers(*command);
  }
  if (argc > 1 && argv[1][0] != '-') {
    std::vector<std::string> names;
    for (const auto& row : program.commands) names.emplace_back(row.name);
    if (std::find(names.begin(), names.end(), argv[1]) == names.end()) {
      std::cerr << program.name << ": error: unknown command '" << argv[1] << "'" << did_you_mean(argv[1], names) << "\nRun '" << program.name
                << " --help' for all commands.\n";
      return 2;
    }
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    std::cerr << program.name << (argc > 1 ? std::string(" ") + argv[1] : "") << ": error: " << e.what()
              << "\nRun with --help for the options and an example.\n";
    return 2;
  }
  log::set_level(common.verbose ? log::Level::kDebug : common.quiet ? log::Level::kError : log::Level::kInfo);
  log::set_format(common.log_format == "json" ? log::Format::kJson : log::Format::kText);
  for (const auto& [command, run] : runs) {
    if (!command->parsed()) continue;
    const auto tell = [&, prefix = program.name + " " + command->get_name() + ": error: "](const std::string& what) {
      if (log::format() == log::Format::kJson) log::error(what);
      else std::cerr << prefix << what << "\n";
    };
    try {
      const int code = run();
      std::cout.flush();
      if (!std::cout) throw ResourceError("[stdout] the result could not be written; is the disk full or the pipe closed?");
      return code;
    } catch (const Error& e) {
      tell(e.what());
      return exit_code(e.code());
    } catch (const std::bad_alloc&) {
      tell("out of memory; try a smaller model, fewer images or fewer threads");
      return 6;
    } catch (const std::exception& e) {
      tell(std::string(e.what()) + " (unexpected; please report it with the command)");
      return 70;
    }
  }
  return 70;
}

}  // namespace scissionlite::cli
