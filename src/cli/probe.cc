#include "base/error.h"
#include "cli/command.h"

namespace scissionlite::cli {

Run declare_probe(CLI::App&, Common&) {
  return []() -> int { throw Unsupported("[probe] not written yet"); };
}

}  // namespace scissionlite::cli
