#include "tune/generating.h"

#include <unistd.h>

#include "kernels/generated/kernel_store.h"
#include "tune/ways.h"

namespace scissionlite::tune {
namespace {

/// Where a kernel lies that this search made, or is made now.
fs::path made(const fs::path& work, const generate::Tools& tools, const kernels::KernelPlan& plan) {
  const auto path = work / (sha256_hex(plan.identity()) + ".so");
  if (!fs::exists(path)) generate::make_kernel(plan, tools, path);
  return path;
}

}  // namespace

Generating::Generating(const fs::path& database, const generate::Tools& tools)
    : database_(database), work_(kernels_folder(database) / (".making-" + std::to_string(getpid()))), tools_(tools) {
  if (const auto reason = generate::reason_against(tools); !reason.empty()) throw Unsupported("[tune --generate] " + reason);
  check_writable(work_ / "kernel.so");
  fs::create_directories(work_);
  kernels::set_kernel_maker([work = work_, tools](const kernels::KernelPlan& plan) {
    const auto path = made(work, tools, plan);
    return std::make_shared<const kernels::KernelObject>(read_file(path), path.string());
  });
}

Generating::~Generating() {
  kernels::set_kernel_maker(nullptr);
  std::error_code ignored;
  fs::remove_all(work_, ignored);
  fs::remove(kernels_folder(database_), ignored);  // when it is empty
}

void Generating::keep(const std::string& problem, const kernels::VectorLoops& loops, TuningEntry& entry) const {
  if (entry.implementation != kGenerated) return;
  const kernels::KernelPlan plan{problem, entry.knobs, kernels::target_of(loops)};
  entry.kernel = store_kernel(database_, read_file(made(work_, tools_, plan)), plan.target);
}

}  // namespace scissionlite::tune
