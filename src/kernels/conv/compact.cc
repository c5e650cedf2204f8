// A 1x1 convolution with a stride: the pixels that it reads are gathered into an image of their own, on which `direct` runs with stride 1.
// Read in place, each cache line holds one wanted pixel of several, once for every panel of weights; gathering reads it once.
#include <cstring>

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {

extern const ConvImplementation k_conv_direct;

namespace {

ConvProblem gathered(ConvProblem p) {
  const int64_t out_h = p.out_h(), out_w = p.out_w();
  p.h = out_h;
  p.w = out_w;
  p.stride_h = p.stride_w = 1;
  return p;
}

template <int kLanes>
void gather_row(const float* x, int64_t step, float* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * kLanes, x + i * step, kLanes * sizeof(float));
}

class Compact final : public Convolution {
 public:
  Compact(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops)
      : problem_(p), lanes_(loops.lanes), direct_(k_conv_direct.make(gathered(p), weights, end, knobs, loops)) {}

  [[nodiscard]] int64_t packed_bytes() const override { return direct_->packed_bytes(); }
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return round_up(image_floats(), 16) + direct_->scratch_floats(threads); }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const auto& p = problem_;
    const int64_t rows = p.out_h(), row_floats = p.out_w() * lanes_;
    auto* const gather = lanes_ == 16 ? gather_row<16> : lanes_ == 8 ? gather_row<8> : gather_row<4>;
    in_team(threads, [&](const Member& member) {
      const auto items = share_of(p.n * blocks_of(p.c, lanes_) * rows, member);
      for (int64_t item = items.begin; item < items.end; ++item)
        gather(x + (item / rows * p.h + item % rows * p.stride_h) * p.w * lanes_, p.stride_w * lanes_, scratch + item * row_floats, p.out_w());
    });
    direct_->run(scratch, residual, y, scratch + round_up(image_floats(), 16), threads);
  }

 private:
  [[nodiscard]] int64_t image_floats() const { return problem_.n * blocks_of(problem_.c, lanes_) * problem_.out_h() * problem_.out_w() * lanes_; }

  ConvProblem problem_;
  int64_t lanes_;
  std::unique_ptr<Convolution> direct_;
};

std::string reason_against(const ConvProblem& p, const VectorLoops&) {
  if (p.kernel_h != 1 || p.kernel_w != 1 || p.groups != 1 || p.is_padded()) return "not a 1x1 kernel of one group without pads";
  return p.stride_h == 1 && p.stride_w == 1 ? "no stride" : "";
}

}  // namespace

extern const ConvImplementation k_conv_compact;
const ConvImplementation k_conv_compact{
    "compact",
    "1x1 with a stride: gathers the pixels that are read, then direct",
    reason_against,
    [](const ConvProblem& p, const VectorLoops& loops) { return k_conv_direct.knobs(gathered(p), loops); },
    [](const ConvProblem& p, const VectorLoops& loops) { return k_conv_direct.usual(gathered(p), loops); },
    [](const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
      const auto inner = gathered(p);
      return k_conv_direct.estimate(inner, loops, knobs) + static_cast<double>(p.n * p.c * inner.h * inner.w) / loops.lanes * 2;
    },
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<Compact>(p, w, end, knobs, loops);
    }};

}  // namespace scissionlite::kernels
