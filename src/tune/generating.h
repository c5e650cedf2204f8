// Generated kernels as candidates of a search.
#pragma once

#include "generate/generate.h"
#include "tune/objects.h"

namespace scissionlite::tune {

/// While it lives, a kernel is made of every plan that is asked for (kernels::kernel_of), in this process and in the children
/// that measure. One at a time.
class Generating {
 public:
  /// @throws Unsupported where kernels cannot be made, with what to do.
  Generating(const fs::path& database, const generate::Tools& tools);
  ~Generating();
  Generating(const Generating&) = delete;
  Generating& operator=(const Generating&) = delete;

  /// Stores the kernel of an entry that won beside the database, and records it in the entry. Nothing for other implementations.
  /// @param problem  of the kernel: KernelPlan::problem.
  void keep(const std::string& problem, const kernels::VectorLoops& loops, TuningEntry& entry) const;

 private:
  fs::path database_, work_;
  generate::Tools tools_;
};

}  // namespace scissionlite::tune
