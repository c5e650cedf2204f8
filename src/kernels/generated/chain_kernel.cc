// Loop nest: for the member's bands of rows { for parts of the channels between: a call }.
#include "kernels/generated/chain_kernel.h"

#include "kernels/conv/depthwise_filter.h"
#include "kernels/conv/panels.h"
#include "kernels/generated/calls.h"

namespace scissionlite::kernels {
namespace {

class GeneratedChain final : public Convolution {
 public:
  GeneratedChain(const ChainProblem& chain, ChainPlan plan, std::shared_ptr<const KernelObject> kernel, const VectorLoops& loops)
      : plan_(std::move(plan)),
        kernel_(std::move(kernel)),
        loops_(loops),
        filter_end_(chain.depthwise.activation),
        end_(chain.project->activation),
        filter_bias_(round_up(plan_.depthwise.k, loops.lanes)),
        bias_(round_up(plan_.pointwise.k, loops.lanes)),
        bands_(cut_rows(plan_.depthwise.out_h(), plan_.knob("filter_y"), plan_.knob("rows") / plan_.knob("filter_y"))) {
    const auto& d = plan_.depthwise;
    const auto second = plan_.second();
    const auto &filter = chain.depthwise.weights, &weights = chain.project->weights;
    const int64_t taps = d.kernel_h * d.kernel_w, lanes = loops.lanes;
    filter_weights_ = filter.source.packed<float>(plan_.plan().identity() + " depthwise", plan_.blocks() * taps * lanes,
                                                  [&](float* to) { pack_depthwise(d.c, taps, lanes, filter.w, to); });
    weights_ = weights.source.packed<float>(plan_.plan().identity() + " pointwise", packed_kernel_floats(second),
                                            [&](float* to) { pack_for_kernel(second, weights.w, to); });
    if (filter.bias) std::copy_n(filter.bias, d.k, filter_bias_.data());
    if (weights.bias) std::copy_n(weights.bias, plan_.pointwise.k, bias_.data());
  }
  [[nodiscard]] int64_t packed_bytes() const override { return (filter_weights_.size() + weights_.size()) * static_cast<int64_t>(sizeof(float)); }

  void run(const float* x, const float* residual, float* y, float*, int threads) const override {
    const auto& d = plan_.depthwise;
    const auto bands = static_cast<int64_t>(bands_.size());
    const int64_t in_image = plan_.blocks() * d.h * d.w * loops_.lanes, out_image = round_up(plan_.pointwise.k, loops_.lanes) * d.out_h() * d.out_w();
    in_team(threads, [&](const Member& member) {
      const auto items = share_of(d.n * bands, member);
      for (int64_t item = items.begin; item < items.end; ++item) {
        const int64_t n = item / bands;
        compute(bands_[static_cast<size_t>(item % bands)], x + n * in_image, residual ? residual + n * out_image : nullptr, y + n * out_image);
      }
    });
  }

 private:
  void compute(Range band, const float* x, const float* residual, float* y) const {
    const int64_t parts = plan_.knob("split"), blocks = plan_.blocks();
    ChainCall call{.x = x,
                   .filter_w = filter_weights_.data(),
                   .filter_bias = filter_bias_.data(),
                   .w = weights_.data(),
                   .bias = bias_.data(),
                   .residual = residual,
                   .y = y};
    call.filter_low = low_of(filter_end_), call.filter_high = high_of(filter_end_);
    call.row = band.begin, call.rows = band.end - band.begin;
    for (int64_t part = 0; part < parts; ++part) {
      const bool is_last = part + 1 == parts;
      call.block = blocks * part / parts;
      call.blocks = blocks * (part + 1) / parts - call.block;
      call.low = is_last ? low_of(end_) : -kNoBound;
      call.high = is_last ? high_of(end_) : kNoBound;
      kernel_->run(&call);
      call.residual = y;
      call.bias = zeros_.data();
    }
  }

  ChainPlan plan_;
  std::shared_ptr<const KernelObject> kernel_;
  const VectorLoops& loops_;
  ActivationArguments filter_end_, end_;
  Packed<float> filter_weights_, weights_;
  AlignedFloats filter_bias_, bias_;
  AlignedFloats zeros_{bias_.size()};
  std::vector<Range> bands_;
};

}  // namespace

std::unique_ptr<Convolution> make_generated_chain(const ChainProblem& chain, const Knobs& knobs, std::shared_ptr<const KernelObject> kernel,
                                                  const VectorLoops& loops) {
  const KernelPlan plan{generated_problem(chain), knobs, target_of(loops)};
  if (plan.problem.empty())
    throw InvalidArgument("[kernels] no generated kernel computes a chain around " + chain.depthwise.problem.text() +
                          ": it takes a depthwise and a 1x1 convolution, and activations that clip");
  check_identity(*kernel, plan);
  return std::make_unique<GeneratedChain>(chain, chain_plan(plan), std::move(kernel), loops);
}

}  // namespace scissionlite::kernels
