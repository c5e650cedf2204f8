#include "base/error.h"
#include "cli/command.h"

namespace scissionlite::cli {

Run declare_score(CLI::App&, Common&) {
  return []() -> int { throw Unsupported("[score] not written yet"); };
}

}  // namespace scissionlite::cli
