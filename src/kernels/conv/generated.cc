// Generated kernels as a convolution: packs weights in their order, copies padded input into frames, and cuts the work into calls. A
// call is a chunk of rows times some panels; a thread copies the frame of a chunk once for all calls of it.
#include "kernels/conv/generated.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv/panels.h"
#include "kernels/generated/calls.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

class Generated final : public Convolution {
 public:
  Generated(const ConvPlan& plan, std::shared_ptr<const KernelObject> kernel, const ConvWeights& weights, const ConvEnd& end,
            const VectorLoops& loops)
      : plan_(plan), kernel_(std::move(kernel)), end_(end), loops_(loops), bias_(round_up(plan.problem.k, loops.lanes)) {
    weights_ = weights.source.packed<float>(plan.identity(), packed_kernel_floats(plan), [&](float* to) { pack_for_kernel(plan, weights.w, to); });
    if (weights.bias) std::copy(weights.bias, weights.bias + plan.problem.k, bias_.data());
    chunks_ = cut_rows(plan.rows(), plan.row_step(), plan.knob("rows"));
    for (const auto& chunk : chunks_) most_frame_ = std::max(most_frame_, frame_floats(input_rows(chunk)));
  }
  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(float)); }
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return plan_.has_frame() ? most_frame_ * threads : 0; }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const auto& p = plan_.problem;
    const int64_t in_image = plan_.in_blocks() * p.h * p.w * loops_.lanes, out_image = plan_.out_blocks() * p.out_h() * p.out_w() * loops_.lanes;
    // depthwise: a call is of one block, which is a panel too
    const int64_t per_call = plan_.is_depthwise() ? 1 : std::min(plan_.knob("panels"), plan_.panels()), groups = blocks_of(plan_.panels(), per_call),
                  chunks = static_cast<int64_t>(chunks_.size());
    const bool is_chunk_outside = !plan_.is_depthwise();
    in_team(threads, [&](const Member& member) {
      const auto items = share_of(p.n * groups * chunks, member);
      Frame frame{scratch + most_frame_ * member.rank};
      for (int64_t item = items.begin; item < items.end; ++item) {
        const int64_t n = item / (groups * chunks), inner = item % (groups * chunks);
        const int64_t group = is_chunk_outside ? inner % groups : inner / chunks, chunk = is_chunk_outside ? inner / groups : inner % chunks;
        ConvCall call{.w = weights_.data(), .bias = bias_.data(), .residual = residual ? residual + n * out_image : nullptr, .y = y + n * out_image};
        call.panel = group * per_call;
        call.panels = std::min(per_call, plan_.panels() - call.panel);
        call.row = chunks_[static_cast<size_t>(chunk)].begin;
        call.rows = chunks_[static_cast<size_t>(chunk)].end - call.row;
        call.block = plan_.is_depthwise() ? call.panel : 0;
        call.blocks = plan_.is_depthwise() ? call.panels : plan_.in_blocks();
        point_to_input(call, x + n * in_image, n, frame);
        compute(call);
      }
    });
  }

 private:
  /// A thread's copy of some input rows of some blocks, and of which.
  struct Frame {
    float* data = nullptr;
    int64_t n = -1, row = -1, block = -1;
  };

  /// Of the frame, that the output rows need.
  [[nodiscard]] Range input_rows(Range rows) const {
    const auto& p = plan_.problem;
    if (plan_.is_flat()) return {0, plan_.frame_height()};
    if (const auto m = plan_.winograd_edge()) return {rows.begin / plan_.tiles_across() * m, (rows.end - 1) / plan_.tiles_across() * m + m + 2};
    return {rows.begin * p.stride_h, (rows.end - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1};
  }
  [[nodiscard]] int64_t frame_floats(Range rows) const {
    return (rows.end - rows.begin) * plan_.frame_width() * loops_.lanes * (plan_.is_depthwise() ? 1 : plan_.in_blocks());
  }

  void point_to_input(ConvCall& call, const float* image, int64_t n, Frame& frame) const {
    const auto& p = plan_.problem;
    call.x_block = call.block;
    if (!plan_.has_frame()) {
      call.x_block_stride = p.h * p.w * loops_.lanes;
      call.x = image + call.block * call.x_block_stride;
      return;
    }
    const auto rows = input_rows({call.row, call.row + call.rows});
    call.x = frame.data;
    call.x_row = rows.begin;
    call.x_block_stride = (rows.end - rows.begin) * plan_.frame_width() * loops_.lanes;
    if (frame.n == n && frame.row == call.row && frame.block == call.block) return;
    frame.n = n, frame.row = call.row, frame.block = call.block;
    for (int64_t block = 0; block < call.blocks; ++block)
      copy_rows(image + (call.block + block) * p.h * p.w * loops_.lanes, rows, frame.data + block * call.x_block_stride);
  }

  /// Frames reach beyond what pads say where Winograd's last tile does, and may be narrower than the image where strides leave a rest.
  void copy_rows(const float* block, Range rows, float* to) const {
    const auto& p = plan_.problem;
    const int64_t lanes = loops_.lanes, width = plan_.frame_width(), inside = std::min(p.w, width - p.left), right = width - p.left - inside;
    for (int64_t row = rows.begin; row < rows.end; ++row, to += width * lanes) {
      const int64_t from = row - p.top;
      if (from < 0 || from >= p.h) {
        std::fill_n(to, width * lanes, 0.F);
        continue;
      }
      std::fill_n(to, p.left * lanes, 0.F);
      std::memcpy(to + p.left * lanes, block + from * p.w * lanes, static_cast<size_t>(inside * lanes) * sizeof(float));
      std::fill_n(to + (p.left + inside) * lanes, right * lanes, 0.F);
    }
  }

  void compute(ConvCall& call) const {
    const int64_t parts = plan_.knob("split"), blocks = call.blocks;
    for (int64_t part = 0; part < parts; ++part) {
      call.block = blocks * part / parts + (plan_.is_depthwise() ? call.panel : 0);
      call.blocks = blocks * (part + 1) / parts - blocks * part / parts;
      const bool is_last = part + 1 == parts;
      call.low = is_last ? low_of(end_.activation) : -kNoBound;
      call.high = is_last ? high_of(end_.activation) : kNoBound;
      kernel_->run(&call);
      call.residual = call.y;
      call.bias = zeros_.data();
    }
    if (end_.activation.kind > ActivationKind::kClip) activate(call);
  }

  /// What is more than a clip, over what the call has just written.
  void activate(const ConvCall& call) const {
    const auto& p = plan_.problem;
    const int64_t lanes = loops_.lanes, m = plan_.winograd_edge(), vectors = plan_.knob("vectors"), plane = p.out_h() * p.out_w();
    const auto over = [&](float* block, int64_t first, int64_t count) {
      loops_.activate(block + first * lanes, block + first * lanes, count * lanes, end_.activation);
    };
    for (int64_t at = call.panel * vectors; at < (call.panel + call.panels) * vectors; ++at) {
      float* block = call.y + at * plane * lanes;
      if (m == 0) {
        const int64_t pixels = plan_.is_flat() ? 1 : p.out_w();
        over(block, call.row * pixels, call.rows * pixels);
        continue;
      }
      for (int64_t tile = call.row; tile < call.row + call.rows; ++tile) {
        const int64_t row = tile / plan_.tiles_across() * m, column = tile % plan_.tiles_across() * m;
        for (int64_t i = row; i < std::min(row + m, p.out_h()); ++i) over(block, i * p.out_w() + column, std::min(m, p.out_w() - column));
      }
    }
  }

  ConvPlan plan_;
  std::shared_ptr<const KernelObject> kernel_;
  ConvEnd end_;
  const VectorLoops& loops_;
  Packed<float> weights_;
  AlignedFloats bias_;
  AlignedFloats zeros_{bias_.size()};
  std::vector<Range> chunks_;
  int64_t most_frame_ = 0;
};

std::string reason_against(const ConvProblem& p, const VectorLoops& loops) {
  if (auto reason = reason_against_generating(p); !reason.empty()) return reason;
  return may_have_kernel(p.text(), target_of(loops)) ? "" : "there is no kernel of it; `scissionlite tune --generate` makes one";
}

ConvPlan plan_of(const ConvProblem& p, const Knobs& knobs, const VectorLoops& loops) { return {p, knobs, target_of(loops)}; }

}  // namespace

std::unique_ptr<Convolution> make_generated(const ConvPlan& plan, std::shared_ptr<const KernelObject> kernel, const ConvWeights& weights,
                                            const ConvEnd& end, const VectorLoops& loops) {
  check_identity(*kernel, plan.plan());
  return std::make_unique<Generated>(plan, std::move(kernel), weights, end, loops);
}

extern const ConvImplementation k_conv_generated;
const ConvImplementation k_conv_generated{
    "generated",
    "made by a compiler for this convolution while tuning",
    reason_against,
    [](const ConvProblem& p, const VectorLoops& loops) { return generated_knobs(p, loops.lanes); },
    [](const ConvProblem& p, const VectorLoops& loops) { return usual_generated_knobs(p, loops.lanes); },
    [](const ConvProblem& p, const VectorLoops& loops, const Knobs&) { return static_cast<double>(p.macs()) / loops.lanes / 2; },
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) {
      const auto plan = plan_of(p, knobs, loops);
      return make_generated(plan, kernel_of(plan.plan()), w, end, loops);
    },
    /*is_measured_only=*/true,
    /*effect=*/nullptr,
    [](const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) { return plan_of(p, knobs, loops).reason_against().empty(); }};

}  // namespace scissionlite::kernels
