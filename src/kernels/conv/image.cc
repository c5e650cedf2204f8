// First layers: a plain image of few channels, read as it is. Loop nest: for output rows, for tiles of columns, for panels of output vectors.
// A tile's windows stay in L1 over all panels, and so do most weights (7x7, 3 to 64 channels: 37 KiB).
#include <algorithm>

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

class Image final : public Convolution {
 public:
  Image(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops)
      : problem_(p), end_(end), loops_(loops), bias_(padded_bias(weights.bias, p.k, loops.lanes)) {
    panels_ = cut_panels(blocks_of(p.k, loops.lanes), static_cast<int>(knobs.at("vectors")));
    const int64_t lanes = loops.lanes, taps = p.c * p.kernel_h * p.kernel_w;
    for (auto& panel : panels_) panel.weights_at = panel.first * lanes * taps;
    const auto layout = "image v" + std::to_string(panels_[0].vectors) + " l" + std::to_string(lanes) + " " + p.weights_text();
    weights_ = weights.source.packed<float>(layout, taps * round_up(p.k, lanes), [&](float* to) { pack(weights.w, to); });
  }

  [[nodiscard]] bool takes_plain_input() const override { return true; }
  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(float)); }

  void run(const float* x, const float* residual, float* y, float*, int threads) const override {
    in_team(threads, [&](const Member& member) {
      const auto rows = share_of(problem_.n * problem_.out_h(), member);
      for (int64_t row = rows.begin; row < rows.end; ++row) compute_row(row / problem_.out_h(), row % problem_.out_h(), x, residual, y);
    });
  }

 private:
  void pack(const float* w, float* to) const {
    const int64_t lanes = loops_.lanes, taps = problem_.c * problem_.kernel_h * problem_.kernel_w;
    for (const auto& panel : panels_) {
      const int64_t columns = panel.vectors * lanes, first = panel.first * lanes;
      for (int64_t j = 0; j < std::min(columns, problem_.k - first); ++j)
        for (int64_t tap = 0; tap < taps; ++tap) to[panel.weights_at + tap * columns + j] = w[(first + j) * taps + tap];
    }
  }

  void compute_row(int64_t n, int64_t row, const float* x, const float* residual, float* y) const {
    const auto& p = problem_;
    const float* rows[kMostImageRows];
    for (int64_t c = 0; c < p.c; ++c)
      for (int64_t kh = 0; kh < p.kernel_h; ++kh) {
        const int64_t at = row * p.stride_h - p.top + kh * p.dilation_h;
        rows[c * p.kernel_h + kh] = at >= 0 && at < p.h ? x + ((n * p.c + c) * p.h + at) * p.w : nullptr;
      }
    const int64_t lanes = loops_.lanes, out_block = p.out_h() * p.out_w() * lanes;
    ImageRowArguments a;
    a.rows = rows;
    a.row_count = p.c * p.kernel_h;
    a.width = p.w;
    a.kernel_w = p.kernel_w;
    a.stride_w = p.stride_w;
    a.left = p.left;
    a.y_vector = out_block;
    a.out_width = p.out_w();
    a.activation = end_.activation;
    a.w = weights_.data();
    a.blocks = blocks_of(p.k, lanes);
    a.vectors = panels_[0].vectors;
    a.bias = bias_.size() > 0 ? bias_.data() : nullptr;
    const int64_t at = n * a.blocks * out_block + row * p.out_w() * lanes;
    a.y = y + at;
    a.residual = residual ? residual + at : nullptr;
    loops_.image_row(a);
  }

  ConvProblem problem_;
  ConvEnd end_;
  const VectorLoops& loops_;
  std::vector<Panel> panels_;
  Packed<float> weights_;  // panel by panel, (c, kernel_h, kernel_w, vectors, lanes)
  AlignedFloats bias_;
};

std::string reason_against(const ConvProblem& p, const VectorLoops&) {
  if (p.c > 4) return "more than 4 input channels";
  if (p.groups != 1 || p.dilation_w != 1) return "groups or dilated columns";
  if (p.kernel_w > kMostImageKernel || p.c * p.kernel_h > kMostImageRows || p.stride_w > 4) return "a kernel wider than 11 or a stride above 4";
  return "";
}

std::vector<KnobRange> knobs(const ConvProblem& p, const VectorLoops& loops) {
  return {{"vectors", panel_vectors_values(blocks_of(p.k, loops.lanes))}};
}

Knobs usual(const ConvProblem& p, const VectorLoops& loops) { return {{"vectors", best_vectors(blocks_of(p.k, loops.lanes), p.out_w(), loops)}}; }

double estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  const double row = panel_cycles(blocks_of(p.k, loops.lanes), static_cast<int>(knobs.at("vectors")), p.out_w(), loops);
  return static_cast<double>(p.n * p.out_h() * p.c * p.kernel_h * p.kernel_w) * row;
}

}  // namespace

extern const ConvImplementation k_conv_image;
const ConvImplementation k_conv_image{
    "image",
    "a plain image of few channels, read as it is",
    reason_against,
    knobs,
    usual,
    estimate,
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<Image>(p, w, end, knobs, loops);
    },
    /*is_measured_only=*/false,
    /*effect=*/nullptr,
    /*can=*/nullptr,
    /*takes_plain_input=*/true};

}  // namespace scissionlite::kernels
