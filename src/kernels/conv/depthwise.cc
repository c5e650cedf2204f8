// Depthwise convolution: each channel with its own kernel. Bound by loads and stores; rows of a channel block stay in L1.
#include <algorithm>

#include "kernels/conv/depthwise_filter.h"

namespace scissionlite::kernels {
namespace {

class Depthwise final : public Convolution {
 public:
  Depthwise(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const VectorLoops& loops)
      : problem_(p), lanes_(loops.lanes), filter_(p, weights, end.activation, loops) {}
  [[nodiscard]] int64_t packed_bytes() const override { return filter_.packed_bytes(); }

  void run(const float* x, const float* residual, float* y, float*, int threads) const override {
    const int64_t blocks = blocks_of(problem_.c, lanes_), rows = problem_.out_h(), in_plane = problem_.h * problem_.w * lanes_,
                  out_row = problem_.out_w() * lanes_;
    in_team(threads, [&](const Member& member) {
      const auto items = share_of(problem_.n * blocks * rows, member);
      for (int64_t item = items.begin; item < items.end;) {  // rows of one block at a time
        const int64_t plane = item / rows, first = item % rows, count = std::min(rows - first, items.end - item);
        filter_.run_rows(plane % blocks, {first, first + count}, x + plane * in_plane, y + item * out_row,
                         residual ? residual + item * out_row : nullptr);
        item += count;
      }
    });
  }

 private:
  ConvProblem problem_;
  int64_t lanes_;
  DepthwiseFilter filter_;
};

std::string reason_against(const ConvProblem& p, const VectorLoops&) { return p.is_depthwise() ? "" : "not every channel has a kernel of its own"; }
double estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs&) { return static_cast<double>(p.macs()) / loops.lanes; }

}  // namespace

extern const ConvImplementation k_conv_depthwise;
const ConvImplementation k_conv_depthwise{
    "depthwise",
    "one kernel a channel, vectors of channels",
    reason_against,
    [](const ConvProblem&, const VectorLoops&) { return std::vector<KnobRange>{}; },
    [](const ConvProblem&, const VectorLoops&) { return Knobs{}; },
    estimate,
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs&, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<Depthwise>(p, w, end, loops);
    }};

}  // namespace scissionlite::kernels
