#include "base/error.h"
#include "cli/command.h"

namespace scissionlite::cli {

Run declare_profile(CLI::App&, Common&) {
  return []() -> int { throw Unsupported("[profile] not written yet"); };
}

}  // namespace scissionlite::cli
