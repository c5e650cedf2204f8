#include "base/error.h"
#include "cli/command.h"

namespace scissionlite::cli {

Run declare_verify(CLI::App&, Common&) {
  return []() -> int { throw Unsupported("[verify] not written yet"); };
}

}  // namespace scissionlite::cli
