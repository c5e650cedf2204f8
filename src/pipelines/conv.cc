#include "pipelines/conv_buffers.h"

namespace scissionlite::pipelines {
namespace {

Pipeline make(const kernels::KernelPlan& generic, bool has_residual) {
  const auto plan = kernels::conv_plan(generic);
  const Buffers buffers(plan, has_residual);
  return {plan.is_depthwise()    ? depthwise(plan, buffers)
          : plan.winograd_edge() ? winograd(plan, buffers)
                                 : direct(plan, buffers),
          buffers.arguments()};
}

}  // namespace

extern const PipelineKind k_pipeline_conv;
const PipelineKind k_pipeline_conv{/*may_have_residual=*/true, /*rounds_as_written=*/false, make};

}  // namespace scissionlite::pipelines
