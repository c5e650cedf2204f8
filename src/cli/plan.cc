#include "base/error.h"
#include "cli/command.h"

namespace scissionlite::cli {

Run declare_plan(CLI::App&, Common&) {
  return []() -> int { throw Unsupported("[plan] not written yet"); };
}

}  // namespace scissionlite::cli
