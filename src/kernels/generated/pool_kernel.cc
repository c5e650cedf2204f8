// Loop nest: for the member's runs of neighbouring planes: a call each; of larger planes for chunks of their rows.
#include "kernels/generated/pool_kernel.h"

#include "kernels/conv/panels.h"
#include "kernels/generated/calls.h"

namespace scissionlite::kernels {
namespace {

/// 1 / the values of each window along one axis that a mean counts: those inside the image, or those inside the padded one.
std::vector<float> scales(int64_t out, int64_t stride, int64_t before, int64_t kernel, int64_t dilation, int64_t size, int64_t after,
                          bool counts_padding) {
  std::vector<float> all;
  for (int64_t i = 0; i < out; ++i) {
    int64_t counted = 0;
    for (int64_t k = 0; k < kernel; ++k) {
      const int64_t at = i * stride - before + k * dilation;
      counted += counts_padding ? at < size + after : at >= 0 && at < size;
    }
    all.push_back(1.F / static_cast<float>(std::max<int64_t>(1, counted)));
  }
  return all;
}

class GeneratedPooling final : public Pooling {
 public:
  GeneratedPooling(const PoolPlan& plan, std::shared_ptr<const KernelObject> kernel, const VectorLoops& loops)
      : problem_(plan.problem),
        kernel_(std::move(kernel)),
        lanes_(loops.lanes),
        chunks_(cut_rows(plan.problem.out_h, plan.knob("tile_y"), plan.knob("rows"))) {
    const auto& p = problem_;
    row_scales_ = scales(p.out_h, p.stride_h, p.top, p.kernel_h, p.dilation_h, p.h, p.bottom, p.counts_padding);
    column_scales_ = scales(p.out_w, p.stride_w, p.left, p.kernel_w, p.dilation_w, p.w, p.right, p.counts_padding);
  }

  void run(const float* x, float* y, int threads) const override {
    const auto& p = problem_;
    const auto chunks = static_cast<int64_t>(chunks_.size());
    in_team(threads, [&](const Member& member) {
      const auto items = share_of(p.n * blocks_of(p.c, lanes_) * chunks, member);
      for (int64_t item = items.begin; item < items.end;) {
        const int64_t plane = item / chunks, planes = chunks == 1 ? items.end - item : 1;
        const auto& chunk = chunks_[static_cast<size_t>(item % chunks)];
        const PoolCall call{.x = x + plane * p.h * p.w * lanes_,
                            .row_scale = row_scales_.data(),
                            .column_scale = column_scales_.data(),
                            .y = y + plane * p.out_h * p.out_w * lanes_,
                            .row = chunk.begin,
                            .rows = chunk.end - chunk.begin,
                            .planes = planes};
        kernel_->run(&call);
        item += planes;
      }
    });
  }

 private:
  PoolProblem problem_;
  std::shared_ptr<const KernelObject> kernel_;
  int64_t lanes_;
  std::vector<Range> chunks_;
  std::vector<float> row_scales_, column_scales_;
};

}  // namespace

std::unique_ptr<Pooling> make_generated_pooling(const PoolProblem& problem, const Knobs& knobs, std::shared_ptr<const KernelObject> kernel,
                                                const VectorLoops& loops) {
  const PoolPlan plan{problem, knobs, target_of(loops)};
  check_identity(*kernel, plan.plan());
  return std::make_unique<GeneratedPooling>(plan, std::move(kernel), loops);
}

}  // namespace scissionlite::kernels
