// Loop nest: for the member's bands of rows { expand the rows that the band's windows reach and that are not there yet; depthwise;
// project }. The expanded rows lie in a buffer of a fixed number of rows; those that the next band needs too are moved to its begin.
#include "kernels/conv/chain.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv/depthwise_filter.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

/// What the rows of a band may take.
int64_t band_bytes() { return l2_bytes() * 5 / 8; }

/// A 1x1 convolution from and to parts of images, whose blocks lie `in_block` and `out_block` floats apart.
class Pointwise {
 public:
  Pointwise(const ChainStage& stage, int64_t pixels, int64_t in_block, int64_t out_block, const VectorLoops& loops)
      : activation_(stage.activation),
        loops_(loops),
        channels_(stage.problem.c),
        out_block_(out_block),
        bias_(padded_bias(stage.weights.bias, stage.problem.k, loops.lanes)) {
    const int64_t lanes = loops.lanes, in_blocks = blocks_of(stage.problem.c, lanes), out_blocks = blocks_of(stage.problem.k, lanes);
    for (int64_t block = 0; block < in_blocks; ++block) steps_.push_back(block * in_block);
    panels_ = cut_panels(out_blocks, best_vectors(out_blocks, pixels, loops));
    for (auto& panel : panels_) panel.weights_at = panel.first * lanes * in_blocks * lanes;
    const auto layout = "pointwise v" + std::to_string(panels_[0].vectors) + " l" + std::to_string(lanes) + " " + stage.problem.weights_text();
    weights_ = stage.weights.source.packed<float>(layout, in_blocks * lanes * out_blocks * lanes, [&](float* to) { pack(stage, to); });
  }

  void pack(const ChainStage& stage, float* to) const {
    const int64_t lanes = loops_.lanes;
    for (const auto& panel : panels_)
      for (int64_t c = 0; c < stage.problem.c; ++c)
        for (int64_t j = 0; j < panel.vectors * lanes && panel.first * lanes + j < stage.problem.k; ++j)
          to[panel.weights_at + c * panel.vectors * lanes + j] = stage.weights.w[(panel.first * lanes + j) * stage.problem.c + c];
  }

  /// `is_far`: x is not in the cache yet.
  void run(const float* x, bool is_far, int64_t pixels, float* y, const float* residual) const {
    PanelArguments a;
    a.x = x;
    a.x_pixel = a.y_pixel = loops_.lanes;
    a.steps_at = steps_.data();
    a.steps = static_cast<int64_t>(steps_.size());
    set_short_steps(a, channels_, loops_.lanes, a.steps, 1, a.steps);
    a.pixels = pixels;
    a.y_vector = out_block_;
    a.activation = activation_;
    for (const auto& panel : panels_) {
      a.w = weights_.data() + panel.weights_at;
      a.vectors = panel.vectors;
      const int64_t floats = a.steps * loops_.lanes * panel.vectors * loops_.lanes;
      a.next_w = a.w + floats;
      a.next_floats = std::min(floats, weights_.data() + weights_.size() - a.next_w);
      a.is_first_read = is_far && panel.first == 0;
      a.y = y + panel.first * out_block_;
      a.residual = residual ? residual + panel.first * out_block_ : nullptr;
      a.bias = bias_.size() > 0 ? bias_.data() + panel.first * loops_.lanes : nullptr;
      loops_.panel_blocked(a);
    }
  }
  [[nodiscard]] int64_t packed_bytes() const { return weights_.size() * static_cast<int64_t>(sizeof(float)); }

 private:
  ActivationArguments activation_;
  const VectorLoops& loops_;
  int64_t channels_, out_block_;
  std::vector<int64_t> steps_;
  std::vector<Panel> panels_;
  Packed<float> weights_;
  AlignedFloats bias_;
};

/// Rows [begin, end) of the input that rows of the output reach, inside the image.
Range rows_read(const ConvProblem& p, Range out) {
  return {std::max<int64_t>(0, out.begin * p.stride_h - p.top),
          std::min(p.h, (out.end - 1) * p.stride_h - p.top + (p.kernel_h - 1) * p.dilation_h + 1)};
}

class Chain final : public Convolution {
 public:
  Chain(const ChainProblem& problem, int64_t band_rows, const VectorLoops& loops)
      : depthwise_(problem.depthwise.problem),
        loops_(loops),
        filter_(depthwise_, problem.depthwise.weights, problem.depthwise.activation, loops),
        band_(std::clamp<int64_t>(band_rows, 1, depthwise_.out_h())) {
    const auto& p = depthwise_;
    blocks_ = blocks_of(p.c, loops.lanes);
    expanded_rows_ = std::min(p.h, (band_ - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1);
    in_blocks_ = blocks_of(problem.expand ? problem.expand->problem.c : p.c, loops.lanes);
    out_blocks_ = blocks_of(problem.project ? problem.project->problem.k : p.k, loops.lanes);
    const int64_t row = p.w * loops.lanes, out_row = p.out_w() * loops.lanes;
    if (problem.expand) expand_ = std::make_unique<Pointwise>(*problem.expand, expanded_rows_ * p.w, p.h * row, expanded_rows_ * row, loops);
    if (problem.project) project_ = std::make_unique<Pointwise>(*problem.project, band_ * p.out_w(), band_ * out_row, p.out_h() * out_row, loops);
  }

  [[nodiscard]] int64_t packed_bytes() const override {
    return (expand_ ? expand_->packed_bytes() : 0) + (project_ ? project_->packed_bytes() : 0) + filter_.packed_bytes();
  }
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return threads * member_floats(); }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const int64_t in_image = in_blocks_ * depthwise_.h * depthwise_.w * loops_.lanes,
                  out_image = out_blocks_ * depthwise_.out_h() * depthwise_.out_w() * loops_.lanes;
    in_team(threads, [&](const Member& member) {
      float* mine = scratch + member.rank * member_floats();
      for (int64_t n = 0; n < depthwise_.n; ++n)
        run_rows(share_of(depthwise_.out_h(), member), x + n * in_image, residual ? residual + n * out_image : nullptr, y + n * out_image, mine);
    });
  }

 private:
  [[nodiscard]] int64_t expanded_floats() const { return expand_ ? blocks_ * expanded_rows_ * depthwise_.w * loops_.lanes : 0; }
  [[nodiscard]] int64_t filtered_floats() const { return project_ ? blocks_ * band_ * depthwise_.out_w() * loops_.lanes : 0; }
  [[nodiscard]] int64_t member_floats() const { return round_up(expanded_floats() + filtered_floats(), 16); }

  void run_rows(Range rows, const float* x, const float* residual, float* y, float* scratch) const {
    float* filtered = scratch + expanded_floats();
    Range held;  // rows of the expanded image in `scratch`
    for (int64_t first = rows.begin; first < rows.end; first += band_) {
      const Range band{first, std::min(first + band_, rows.end)};
      if (expand_) expand_rows(rows_read(depthwise_, band), x, scratch, held);
      const int64_t out_row = depthwise_.out_w() * loops_.lanes;
      float* to = project_ ? filtered : y + band.begin * out_row;
      const int64_t to_block = (project_ ? band_ : depthwise_.out_h()) * out_row;
      for (int64_t block = 0; block < blocks_; ++block) filter_block(block, band, expand_ ? scratch : x, held, to + block * to_block);
      if (project_)
        project_->run(filtered, /*is_far=*/false, (band.end - band.begin) * depthwise_.out_w(), y + band.begin * out_row,
                      residual ? residual + band.begin * out_row : nullptr);
    }
  }

  void expand_rows(Range wanted, const float* x, float* expanded, Range& held) const {
    const int64_t row = depthwise_.w * loops_.lanes, block_floats = expanded_rows_ * row;
    const int64_t kept = std::max<int64_t>(0, held.end - wanted.begin);
    if (kept > 0)
      for (int64_t block = 0; block < blocks_; ++block)
        std::memmove(expanded + block * block_floats, expanded + block * block_floats + (wanted.begin - held.begin) * row,
                     static_cast<size_t>(kept * row) * sizeof(float));
    const int64_t next = wanted.begin + kept;
    if (next < wanted.end) expand_->run(x + next * row, /*is_far=*/true, (wanted.end - next) * depthwise_.w, expanded + kept * row, nullptr);
    held = wanted;
  }

  void filter_block(int64_t block, Range band, const float* from, Range held, float* y) const {
    const int64_t row = depthwise_.w * loops_.lanes;
    const float* x =
        expand_ ? from + block * expanded_rows_ * row - held.begin * row : from + block * depthwise_.h * row;  // row 0 of the image, had it been kept
    filter_.run_rows(block, band, x, y, nullptr);
  }

  ConvProblem depthwise_;
  const VectorLoops& loops_;
  DepthwiseFilter filter_;
  int64_t band_, expanded_rows_ = 0, blocks_ = 0, in_blocks_ = 0, out_blocks_ = 0;
  std::unique_ptr<Pointwise> expand_, project_;
};

void check(const ChainProblem& problem) {
  const auto& d = problem.depthwise.problem;
  const bool fits_expand = !problem.expand || (problem.expand->problem.is_pointwise() && problem.expand->problem.k == d.c &&
                                               problem.expand->problem.h == d.h && problem.expand->problem.w == d.w);
  const bool fits_project = !problem.project || (problem.project->problem.is_pointwise() && problem.project->problem.c == d.k &&
                                                 problem.project->problem.h == d.out_h() && problem.project->problem.w == d.out_w());
  if (!d.is_depthwise() || !fits_expand || !fits_project || (problem.has_residual && !problem.project))
    throw InternalError("[kernels] these convolutions make no chain around " + d.text());
}

}  // namespace

int64_t ChainProblem::inner_bytes() const {
  const auto& d = depthwise.problem;
  return static_cast<int64_t>(sizeof(float)) * d.n * ((expand ? d.c * d.h * d.w : 0) + (project ? d.k * d.out_h() * d.out_w() : 0));
}

int64_t usual_band_rows(const ChainProblem& problem, const VectorLoops& loops, int threads) {
  const auto& d = problem.depthwise.problem;
  const int64_t channels = round_up(d.c, loops.lanes) * static_cast<int64_t>(sizeof(float));
  const int64_t first = (problem.expand ? d.w * d.kernel_h : 0) * channels,
                each = ((problem.expand ? d.w * d.stride_h : 0) + (problem.project ? d.out_w() : 0)) * channels;
  const int64_t rows = std::max<int64_t>(1, (band_bytes() - first) / std::max<int64_t>(1, each) + 1);
  return std::clamp<int64_t>(rows, 1, (d.out_h() + threads - 1) / threads);
}

std::unique_ptr<Convolution> make_chain(const ChainProblem& problem, int64_t band_rows, const VectorLoops& loops) {
  check(problem);
  return std::make_unique<Chain>(problem, band_rows, loops);
}

}  // namespace scissionlite::kernels
