#include "base/error.h"
#include "cli/command.h"

namespace scissionlite::cli {

Run declare_report(CLI::App&, Common&) {
  return []() -> int { throw Unsupported("[report] not written yet"); };
}

}  // namespace scissionlite::cli
