// Depthwise convolution: each channel with its own kernel. Bound by loads and stores; rows of a channel block stay in L1.
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

class Depthwise final : public Convolution {
 public:
  Depthwise(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const VectorLoops& loops)
      : problem_(p), end_(end), loops_(loops), bias_(padded_bias(weights.bias, p.k, loops.lanes)) {
    const int64_t taps = p.kernel_h * p.kernel_w, lanes = loops.lanes;
    weights_ = AlignedFloats(round_up(p.c, lanes) * taps);
    for (int64_t c = 0; c < p.c; ++c)
      for (int64_t tap = 0; tap < taps; ++tap) weights_.data()[(c / lanes * taps + tap) * lanes + c % lanes] = weights.w[c * taps + tap];
  }
  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(float)); }

  void run(const float* x, const float* residual, float* y, float*, int threads) const override {
    const int64_t blocks = blocks_of(problem_.c, loops_.lanes), rows = problem_.out_h();
    in_team(threads, [&](const Member& member) {
      const auto items = share_of(problem_.n * blocks * rows, member);
      for (int64_t item = items.begin; item < items.end; ++item) run_row(item / rows, blocks, item % rows, x, residual, y);
    });
  }

 private:
  void run_row(int64_t block, int64_t blocks, int64_t row, const float* x, const float* residual, float* y) const {
    const int64_t lanes = loops_.lanes, at = (block * problem_.out_h() + row) * problem_.out_w() * lanes;
    DepthwiseRowArguments a;
    a.x = x + block * problem_.h * problem_.w * lanes;
    a.height = problem_.h;
    a.width = problem_.w;
    a.w = weights_.data() + block % blocks * problem_.kernel_h * problem_.kernel_w * lanes;
    a.kernel_h = problem_.kernel_h;
    a.kernel_w = problem_.kernel_w;
    a.stride_w = problem_.stride_w;
    a.dilation_h = problem_.dilation_h;
    a.dilation_w = problem_.dilation_w;
    a.row = row * problem_.stride_h - problem_.top;
    a.left = problem_.left;
    a.y = y + at;
    a.out_width = problem_.out_w();
    a.residual = residual ? residual + at : nullptr;
    a.bias = bias_.size() > 0 ? bias_.data() + block % blocks * lanes : nullptr;
    a.activation = end_.activation;
    loops_.depthwise_row(a);
  }
  ConvProblem problem_;
  ConvEnd end_;
  const VectorLoops& loops_;
  AlignedFloats weights_, bias_;  // (blocks, taps, lanes)
};

std::string reason_against(const ConvProblem& p, const VectorLoops&) { return p.is_depthwise() ? "" : "not every channel has a kernel of its own"; }
double estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs&) { return static_cast<double>(p.macs()) / loops.lanes; }

}  // namespace

extern const ConvImplementation k_conv_depthwise;
const ConvImplementation k_conv_depthwise{
    "depthwise", "one kernel a channel, vectors of channels", reason_against, [](const ConvProblem&, const VectorLoops&) { return std::vector<KnobRange>{}; },
    [](const ConvProblem&, const VectorLoops&) { return Knobs{}; }, estimate,
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs&, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<Depthwise>(p, w, end, loops);
    }};

}  // namespace scissionlite::kernels
