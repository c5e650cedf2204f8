#include "base/error.h"
#include "cli/command.h"

namespace scissionlite::cli {

Run declare_serve(CLI::App&, Common&) {
  return []() -> int { throw Unsupported("[serve] not written yet"); };
}

}  // namespace scissionlite::cli
