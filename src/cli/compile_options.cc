#include "cli/compile_options.h"

namespace scissionlite::cli {

std::vector<CLI::Option*> add_target_options(CLI::App& app, CompileModelOptions& options, const std::string& prefix) {
  return {app.add_option("--" + prefix + "threads", options.threads, "that choices are made for; any number may run it")
              ->check(CLI::Range(1, 1024))
              ->capture_default_str(),
          app.add_option("--" + prefix + "isa", options.isa,
                         "instruction set: avx512, avx2, base (4 lanes, every CPU) or neon, which is base (default: the widest of this CPU)"),
          app.add_option("--" + prefix + "tuning", options.tuning,
                         "file of `scissionlite tune` to choose by (default: what the environment variable SCISSIONLITE_TUNING names)")};
}

CLI::Option* add_batch_option(CLI::App& app, CompileModelOptions& options, const std::string& prefix) {
  return app
      .add_option("--" + prefix + "batch", options.batches,
                  "batch sizes to compile for, where the model leaves the batch open; they share their weights")
      ->check(CLI::Range(1, 65536));
}

}  // namespace scissionlite::cli
