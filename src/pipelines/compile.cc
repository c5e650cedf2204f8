#include <algorithm>

#include "base/error.h"
#include "pipelines/buffers.h"
#include "pipelines/pipelines.h"

namespace scissionlite::pipelines {

#define SCISSIONLITE_KERNEL_KIND(name) extern const PipelineKind k_pipeline_##name;
#include "kernels/generated/kernel_kinds.inc"
#undef SCISSIONLITE_KERNEL_KIND

namespace {

struct Row {
  const char* kind;
  const PipelineKind* pipeline;
};
const Row kRows[] = {
#define SCISSIONLITE_KERNEL_KIND(name) {#name, &k_pipeline_##name},
#include "kernels/generated/kernel_kinds.inc"
#undef SCISSIONLITE_KERNEL_KIND
};

Halide::Target target_of(const std::string& name, bool rounds_as_written) {
  using T = Halide::Target;
  T target(T::Linux, name.rfind("arm-64", 0) == 0 ? T::ARM : T::X86, 64);
  target.set_features({T::NoRuntime, T::NoAsserts, T::NoBoundsQuery});
  if (name == "x86-64-avx2" || name == "x86-64-avx512") target.set_features({T::SSE41, T::AVX, T::AVX2, T::FMA, T::F16C});
  if (name == "x86-64-avx512") target.set_features({T::AVX512, T::AVX512_Skylake});
  if (rounds_as_written) target.set_feature(T::StrictFloat);
  return target;
}

const PipelineKind& kind_of(const kernels::KernelPlan& plan) {
  const std::string name = kernels::kernel_kind_of(plan.problem).name;
  return *std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) { return name == row.kind; })->pipeline;
}

}  // namespace

void compile(const kernels::KernelPlan& plan, const std::string& path) {
  if (const auto reason = plan.reason_against(); !reason.empty()) throw InvalidArgument("[generate] no kernel " + plan.identity() + ": " + reason);
  try {
    const auto& kind = kind_of(plan);
    std::vector<Halide::Module> modules;
    for (const bool has_residual : {false, true}) {
      if (has_residual && !kind.may_have_residual) continue;
      auto pipeline = kind.make(plan, has_residual);
      modules.push_back(pipeline.out.compile_to_module(pipeline.arguments,
                                                       has_residual ? "scissionlite_generated_residual" : "scissionlite_generated_plain",
                                                       target_of(plan.target, kind.rounds_as_written)));
    }
    const auto all =
        modules.size() == 1 ? modules[0] : Halide::link_modules("scissionlite_generated", modules);  // which forgets that floats are strict
    all.compile({{Halide::OutputFileType::object, path}});
  } catch (const Halide::Error& e) { throw InternalError("[generate] Halide does not compile " + plan.identity() + ": " + e.what()); }
}

}  // namespace scissionlite::pipelines
