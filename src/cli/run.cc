#include "base/error.h"
#include "cli/command.h"

namespace scissionlite::cli {

Run declare_run(CLI::App&, Common&) {
  return []() -> int { throw Unsupported("[run] not written yet"); };
}

}  // namespace scissionlite::cli
