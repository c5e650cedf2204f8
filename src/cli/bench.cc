#include "base/error.h"
#include "cli/command.h"

namespace scissionlite::cli {

Run declare_bench(CLI::App&, Common&) {
  return []() -> int { throw Unsupported("[bench] not written yet"); };
}

}  // namespace scissionlite::cli
