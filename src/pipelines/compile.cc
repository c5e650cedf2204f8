#include <algorithm>

#include "base/error.h"
#include "pipelines/buffers.h"
#include "pipelines/pipelines.h"

namespace scissionlite::pipelines {
namespace {

Halide::Target target_of(const std::string& name) {
  using T = Halide::Target;
  T target(T::Linux, name.rfind("arm-64", 0) == 0 ? T::ARM : T::X86, 64);
  target.set_features({T::NoRuntime, T::NoAsserts, T::NoBoundsQuery});
  if (name == "x86-64-avx2" || name == "x86-64-avx512") target.set_features({T::SSE41, T::AVX, T::AVX2, T::FMA, T::F16C});
  if (name == "x86-64-avx512") target.set_features({T::AVX512, T::AVX512_Skylake});
  return target;
}

Halide::Func pipeline_of(const kernels::KernelPlan& plan, const Buffers& buffers) {
  if (plan.is_depthwise()) return depthwise(plan, buffers);
  return plan.winograd_edge() ? winograd(plan, buffers) : direct(plan, buffers);
}

}  // namespace

void compile(const kernels::KernelPlan& plan, const std::string& path) {
  if (const auto reason = plan.reason_against(); !reason.empty()) throw InvalidArgument("[generate] no kernel " + plan.identity() + ": " + reason);
  try {
    const auto target = target_of(plan.target);
    std::vector<Halide::Module> modules;
    for (const bool has_residual : {false, true}) {
      const Buffers buffers(plan, has_residual);
      modules.push_back(pipeline_of(plan, buffers).compile_to_module(buffers.arguments(), has_residual ? "scissionlite_generated_residual" : "scissionlite_generated_plain", target));
    }
    Halide::link_modules("scissionlite_generated", modules).compile({{Halide::OutputFileType::object, path}});
  } catch (const Halide::Error& e) {
    throw InternalError("[generate] Halide does not compile " + plan.identity() + ": " + e.what());
  }
}

}  // namespace scissionlite::pipelines
