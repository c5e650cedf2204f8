#include "kernels/generated/kernel_store.h"

#include <mutex>

namespace scissionlite::kernels {
namespace {

struct Kernels {
  std::mutex mutex;
  std::map<std::string, std::shared_ptr<const KernelObject>> known;  // by identity
  std::map<std::string, int> by_problem;                             // target and problem
  KernelMaker maker;
};
Kernels& kernels() {
  static Kernels instance;
  return instance;
}

}  // namespace

void offer_kernel(std::shared_ptr<const KernelObject> kernel) {
  const std::lock_guard lock(kernels().mutex);
  const auto& identity = kernel->identity();  // version, target and problem, then "generated" and knobs
  const auto from = identity.find(' '), to = identity.find(" generated");
  if (from != std::string::npos && to != std::string::npos) ++kernels().by_problem[identity.substr(from + 1, to - from - 1)];
  kernels().known[identity] = std::move(kernel);
}

void set_kernel_maker(KernelMaker maker) {
  const std::lock_guard lock(kernels().mutex);
  kernels().maker = std::move(maker);
}

bool has_kernel_maker() {
  const std::lock_guard lock(kernels().mutex);
  return static_cast<bool>(kernels().maker);
}

bool may_have_kernel(const std::string& problem, const std::string& target) {
  const std::lock_guard lock(kernels().mutex);
  return kernels().maker || kernels().by_problem.count(target + " " + problem);
}

std::shared_ptr<const KernelObject> kernel_of(const KernelPlan& plan) {
  if (const auto reason = plan.reason_against(); !reason.empty()) throw InvalidArgument("[kernels] no kernel " + plan.identity() + ": " + reason);
  KernelMaker maker;
  {
    const std::lock_guard lock(kernels().mutex);
    if (const auto it = kernels().known.find(plan.identity()); it != kernels().known.end()) return it->second;
    maker = kernels().maker;
  }
  if (!maker)
    throw Unsupported("[kernels] there is no kernel '" + plan.identity() +
                      "'; give the tuning database that has it, or make it with `scissionlite tune --generate`");
  auto kernel = maker(plan);
  offer_kernel(kernel);
  return kernel;
}

void check_identity(const KernelObject& kernel, const KernelPlan& plan) {
  if (kernel.identity() != plan.identity())
    throw InvalidArgument("[kernels] the kernel is '" + kernel.identity() + "', but '" + plan.identity() + "' was expected");
}

}  // namespace scissionlite::kernels
