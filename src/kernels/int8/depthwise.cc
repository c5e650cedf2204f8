// Depthwise convolutions of bytes, a block of channels after the other: a band of its input rows is widened into L1, then filtered.
#include "kernels/conv/panels.h"
#include "kernels/int8/band.h"
#include "kernels/int8/buffer.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kBandBytes = 20 << 10;  // of an L1 of 32 KiB, the rest for weights and outputs

class Depthwise final : public Int8Convolution {
 public:
  Depthwise(const Int8Problem& problem, const Int8Weights& weights, const Int8Loops& loops)
      : problem_(problem), band_(problem, std::min<int64_t>(loops.depthwise_channels, problem.conv.c), kBandBytes, loops), loops_(loops) {
    const auto& p = problem.conv;
    const int64_t taps = p.kernel_h * p.kernel_w;
    width_ = loops.depthwise_channels, blocks_ = blocks_of(p.c, width_), pairs_ = (taps + 1) / 2;
    for (int64_t t = 0; t < 2 * pairs_; ++t)
      taps_at_.push_back(t < taps ? band_.tap_at(t / p.kernel_w, t % p.kernel_w) : 0);  // the odd one out has weight 0
    w_ = Buffer<int16_t>(blocks_ * pairs_ * width_ * 2);
    bias_ = Buffer<int32_t>(blocks_ * width_);
    scale_ = Buffer<float>(blocks_ * width_);
    for (int64_t i = 0; i < blocks_ * width_; ++i) {
      const int64_t c = i / width_ * width_ + loops.depthwise_order[i % width_];
      if (c >= p.c) continue;
      bias_[i] = weights.bias ? weights.bias[c] : 0;
      scale_[i] = weights.scale[c];
      for (int64_t t = 0; t < taps; ++t) w_[(i / width_ * pairs_ * width_ + t / 2 * width_ + i % width_) * 2 + t % 2] = weights.w[c * taps + t];
    }
  }

  [[nodiscard]] int64_t scratch_bytes(int threads) const override { return band_.bytes() * threads; }

  void run(const uint8_t* x, uint8_t* y, std::byte* scratch, int threads) const override {
    const auto& p = problem_.conv;
    const int64_t bands = (p.out_h() + band_.out_rows() - 1) / band_.out_rows();
    in_team(threads, [&](const Member& member) {
      const Range mine = share_of(p.n * bands * blocks_, member);
      for (int64_t i = mine.begin; i < mine.end; ++i)
        run_band(x, y, i / (bands * blocks_), i % bands * band_.out_rows(), i / bands % blocks_,
                 reinterpret_cast<int16_t*>(scratch + member.rank * band_.bytes()));
    });
  }

 private:
  void run_band(const uint8_t* x, uint8_t* y, int64_t n, int64_t first, int64_t block, int16_t* rows) const {
    const auto& p = problem_.conv;
    const int64_t count = std::min(band_.out_rows(), p.out_h() - first), c = block * width_;
    const int64_t from = std::min(c, p.c - band_.channels());  // the last block's band begins earlier where channels run out
    band_.fill(x + n * p.h * p.w * p.c, from, first, count, rows);
    Int8DepthwiseArguments a;
    a.x_pixel = p.stride_w * band_.channels(), a.taps_at = taps_at_.data(), a.pairs = pairs_;
    a.y_pixel = p.c, a.pixels = p.out_w();
    a.w = w_.data() + c * pairs_ * 2, a.bias = bias_.data() + c, a.end = end_of(problem_, scale_.data() + c);
    a.channels = std::min(p.c - c, width_);
    for (int64_t row = 0; row < count; ++row) {
      a.x = rows + band_.window_at(row) + (c - from);
      a.y = y + ((n * p.out_h() + first + row) * p.out_w()) * p.c + c;
      loops_.depthwise_row(a);
    }
  }

  Int8Problem problem_;
  Band<int16_t> band_;
  const Int8Loops& loops_;
  int64_t width_ = 0, blocks_ = 0, pairs_ = 0;
  std::vector<int64_t> taps_at_;
  Buffer<int16_t> w_;     // (blocks, pairs, channels in depthwise_order, 2)
  Buffer<int32_t> bias_;  // (blocks, channels in depthwise_order)
  Buffer<float> scale_;
};

}  // namespace

extern const Int8ConvImplementation k_int8_conv_depthwise;
const Int8ConvImplementation k_int8_conv_depthwise{
    "depthwise",  // each channel on its own, two taps an instruction
    [](const Int8Problem& p, const Int8Loops&) { return std::string(p.conv.is_depthwise() ? "" : "not depthwise"); },
    [](const Int8Problem& p, const Int8Loops& loops) { return static_cast<double>(p.conv.macs()) / loops.lanes; },
    [](const Int8Problem& p, const Int8Weights& w, const Int8Loops& loops) -> std::unique_ptr<Int8Convolution> {
      return std::make_unique<Depthwise>(p, w, loops);
    }};

}  // namespace scissionlite::kernels
