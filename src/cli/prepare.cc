#include "base/error.h"
#include "cli/command.h"

namespace scissionlite::cli {

Run declare_prepare(CLI::App&, Common&) {
  return []() -> int { throw Unsupported("[prepare] not written yet"); };
}

}  // namespace scissionlite::cli
