// Any convolution of bytes as dot products: a band of input rows is widened once, then read by panels of one or two vectors of
// output channels. Without padding and strides a 1x1 convolution's image is one long row.
#include "kernels/conv/panels.h"
#include "kernels/int8/band.h"
#include "kernels/int8/buffer.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kSmallImage = 256;  // pixels; below, threads share the channels and not the rows, so that each reads half of the weights

/// All pixels in rows of what fits a band.
Int8Problem flattened(Int8Problem problem) {
  auto& p = problem.conv;
  if (!p.is_pointwise()) return problem;
  const int64_t pixels = p.n * p.h * p.w;
  p.n = 1;
  int64_t row = std::max<int64_t>(1, std::min(pixels, l2_bytes() / 8 / (2 * p.c)));
  while (pixels % row != 0 && row > 1) --row;  // whole rows only; h * w has many divisors
  p.w = row, p.h = pixels / row;
  return problem;
}

class Direct final : public Int8Convolution {
 public:
  Direct(const Int8Problem& problem, const Int8Weights& weights, const Int8Loops& loops) : problem_(flattened(problem)), band_(problem_, problem_.conv.c / problem_.conv.groups, l2_bytes() / 4, loops), loops_(loops) {
    const auto& p = problem_.conv;
    group_outputs_ = p.k / p.groups;
    panels_ = cut_panels(blocks_of(group_outputs_, loops.lanes), 2);
    for_each_run();
    steps_ = static_cast<int64_t>(runs_at_.size()) * pairs_;
    padded_ = round_up(group_outputs_, loops.lanes);
    w_ = Buffer<int16_t>(p.groups * steps_ * padded_ * 2);
    bias_ = Buffer<int32_t>(p.groups * padded_);
    scale_ = Buffer<float>(p.groups * padded_);
    for (int64_t g = 0; g < p.groups; ++g) pack(g, weights);
  }

  [[nodiscard]] int64_t scratch_bytes(int threads) const override { return band_.bytes() * threads; }

  void run(const uint8_t* x, uint8_t* y, std::byte* scratch, int threads) const override {
    const auto& p = problem_.conv;
    const int64_t bands = (p.out_h() + band_.out_rows() - 1) / band_.out_rows(), panels = static_cast<int64_t>(panels_.size());
    const bool shares_panels = p.n * p.out_h() * p.out_w() <= kSmallImage || p.n * p.groups * bands < threads;
    in_team(threads, [&](const Member& member) {
      auto* rows = reinterpret_cast<int16_t*>(scratch + member.rank * band_.bytes());
      const Range tasks = shares_panels ? Range{0, p.n * p.groups * bands} : share_of(p.n * p.groups * bands, member), mine = shares_panels ? share_of(panels, member) : Range{0, panels};
      if (mine.begin == mine.end) return;
      for (int64_t task = tasks.begin; task < tasks.end; ++task) run_band(x, y, task / (p.groups * bands), task / bands % p.groups, task % bands * band_.out_rows(), mine, rows);
    });
  }

 private:
  /// With no holes between taps a kernel row is one run of neighbours.
  void for_each_run() {
    const auto& p = problem_.conv;
    const bool is_joined = p.dilation_w == 1;
    const int64_t length = is_joined ? p.kernel_w * band_.channels() : band_.channels();
    pairs_ = (length + 1) / 2;
    for (int64_t i = 0; i < p.kernel_h; ++i)
      for (int64_t j = 0; j < (is_joined ? 1 : p.kernel_w); ++j) runs_at_.push_back(band_.tap_at(i, j));
  }

  void pack(int64_t group, const Int8Weights& weights) {
    const auto& p = problem_.conv;
    const int64_t lanes = loops_.lanes, channels = band_.channels(), taps = p.kernel_h * p.kernel_w, runs_of_row = p.dilation_w == 1 ? 1 : p.kernel_w;
    for (int64_t o = 0; o < group_outputs_; ++o) {
      const int64_t k = group * group_outputs_ + o;
      bias_[group * padded_ + o] = weights.bias ? weights.bias[k] : 0;
      scale_[group * padded_ + o] = weights.scale[k];
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t c = 0; c < channels; ++c) {
          const int64_t run = runs_of_row == 1 ? tap / p.kernel_w : tap, at = (runs_of_row == 1 ? tap % p.kernel_w * channels : 0) + c, step = run * pairs_ + at / 2;
          const auto& panel = panels_[static_cast<size_t>(o / lanes / 2)];
          const int64_t vector = o / lanes - panel.first;
          w_[(group * steps_ * padded_ + steps_ * panel.first * lanes + step * panel.vectors * lanes + vector * lanes + o % lanes) * 2 + at % 2] = weights.w[(k * channels + c) * taps + tap];
        }
    }
  }

  void run_band(const uint8_t* x, uint8_t* y, int64_t n, int64_t group, int64_t first, const Range& panels, int16_t* rows) const {
    const auto& p = problem_.conv;
    const int64_t count = std::min(band_.out_rows(), p.out_h() - first), lanes = loops_.lanes;
    band_.fill(x + n * p.h * p.w * p.c, group * band_.channels(), first, count, rows);
    Int8PanelArguments a;
    a.x_pixel = p.stride_w * band_.channels();
    a.runs_at = runs_at_.data(), a.runs = static_cast<int64_t>(runs_at_.size()), a.pairs = pairs_;
    a.pixels = p.out_w(), a.y_pixel = p.k;
    a.end.zero = problem_.y_zero, a.end.low = static_cast<float>(problem_.low - problem_.y_zero), a.end.high = static_cast<float>(problem_.high - problem_.y_zero);
    for (int64_t i = panels.begin; i < panels.end; ++i) {
      const auto& panel = panels_[static_cast<size_t>(i)];
      const int64_t channel = panel.first * lanes;
      a.w = w_.data() + (group * steps_ * padded_ + steps_ * channel) * 2;
      a.vectors = panel.vectors;
      a.bias = bias_.data() + group * padded_ + channel, a.end.scale = scale_.data() + group * padded_ + channel;
      a.channels = std::min(group_outputs_ - channel, panel.vectors * lanes);
      for (int64_t row = 0; row < count; ++row) {
        a.x = rows + band_.window_at(row);
        a.y = y + ((n * p.out_h() + first + row) * p.out_w()) * p.k + group * group_outputs_ + channel;
        loops_.panel(a);
      }
    }
  }

  Int8Problem problem_;
  Band band_;
  const Int8Loops& loops_;
  int64_t group_outputs_ = 0, padded_ = 0, pairs_ = 0, steps_ = 0;
  std::vector<Panel> panels_;
  std::vector<int64_t> runs_at_;
  Buffer<int16_t> w_;      // (groups, panels, steps, vectors, lanes, 2)
  Buffer<int32_t> bias_;   // (groups, padded)
  Buffer<float> scale_;
};

}  // namespace

extern const Int8ConvImplementation k_int8_conv_direct;
const Int8ConvImplementation k_int8_conv_direct{
    "direct",  // dot products of 16-bit pairs
    [](const Int8Problem&, const Int8Loops&) { return std::string(); },
    [](const Int8Problem& problem, const Int8Loops& loops) { return static_cast<double>(problem.conv.macs()) / (4 * loops.lanes) * static_cast<double>(round_up(problem.conv.k / problem.conv.groups, loops.lanes)) / static_cast<double>(problem.conv.k / problem.conv.groups); },
    [](const Int8Problem& p, const Int8Weights& w, const Int8Loops& loops) -> std::unique_ptr<Int8Convolution> { return std::make_unique<Direct>(p, w, loops); }};

}  // namespace scissionlite::kernels
