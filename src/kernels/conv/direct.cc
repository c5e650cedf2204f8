// Direct convolution on blocked activations: every output vector is the sum over (block of input channels, tap) of lanes values
// times a row of weights each. Loop nest: over chunks of output pixels and groups of panels in either order; within, over panels, pieces
// of their steps and runs of pixels in a row (DirectInside); innermost PanelArguments. Pieces but the first add to what y holds.
// A padded input is copied into a frame of zeros first, whole or chunk by chunk: one read and write of the input, against 9
// multiply-adds a value and panel.
// Grouped convolutions read the blocks that hold channels of the panel's groups; weights that join two groups are zero.
// With a plain input (direct_plain, for the few channels of an image) a step is a row of the kernel with all its channels.
#include <algorithm>

#include "kernels/conv/direct_knobs.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

/// Panels [begin, end).
struct PanelGroup {
  size_t begin = 0, end = 0;
};

class Direct final : public Convolution {
 public:
  Direct(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops, bool is_plain)
      : problem_(p),
        end_(end),
        loops_(loops),
        image_(direct_image(p, loops, is_plain)),
        cut_(cut_direct(p, image_, knobs.at("chunk"), knobs.at("frame") == 1)),
        order_(static_cast<DirectOrder>(knobs.at("order"))),
        inside_(static_cast<DirectInside>(knobs.at("inside"))),
        most_steps_(knobs.at("steps")),
        most_pixels_(static_cast<int>(knobs.at("pixels"))),
        ahead_(knobs.at("ahead") * kLineFloats),
        bias_(padded_bias(weights.bias, p.k, loops.lanes)) {
    panels_ = cut_panels(blocks_of(p.k, loops.lanes), static_cast<int>(knobs.at("vectors")));
    const auto size = static_cast<size_t>(knobs.at("group"));
    for (size_t begin = 0; begin < panels_.size(); begin += size) groups_.push_back({begin, std::min(begin + size, panels_.size())});
    pack(weights);
  }

  [[nodiscard]] bool takes_plain_input() const override { return image_.is_plain; }
  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(float)); }
  [[nodiscard]] int64_t scratch_floats(int threads) const override {
    return cut_.is_framed ? frame_floats() * (cut_.is_by_chunk ? std::max(threads, 1) : 1) : 0;
  }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const int64_t out_image = blocks_of(problem_.k, loops_.lanes) * problem_.out_h() * problem_.out_w() * loops_.lanes;
    in_team(threads, [&](const Member& member) {
      for (int64_t n = 0; n < problem_.n; ++n) {
        const float* image = x + n * image_.floats();
        if (cut_.is_framed && !cut_.is_by_chunk) {
          if (n > 0) member.barrier();  // others may still read the last image's frame
          const auto& whole = cut_.chunks[0].window;
          const auto rows = share_of(image_.blocks * whole.rows, member);
          fill_frame(problem_, image_, cut_, whole, image, scratch, rows.begin, rows.end);
          member.barrier();
          image = scratch;
        }
        compute(image, scratch + (cut_.is_by_chunk ? member.rank * frame_floats() : 0), residual ? residual + n * out_image : nullptr,
                y + n * out_image, member);
      }
    });
  }

 private:
  static constexpr int64_t kLineFloats = 16;
  [[nodiscard]] int64_t block_floats() const { return cut_.rows * cut_.width * image_.unit; }
  [[nodiscard]] int64_t frame_floats() const { return image_.blocks * block_floats(); }

  /// Input blocks that hold channels of the groups of outputs [first, end).
  [[nodiscard]] std::pair<int64_t, int64_t> blocks_read(int64_t first, int64_t end) const {
    const int64_t per_group_out = problem_.k / problem_.groups, per_group_in = problem_.c / problem_.groups;
    const int64_t from = first / per_group_out * per_group_in, to = ((end - 1) / per_group_out + 1) * per_group_in;
    return {from / image_.unit, blocks_of(to, image_.unit)};
  }

  void pack(const ConvWeights& weights) {
    const int64_t taps = problem_.kernel_h * problem_.kernel_w;
    int64_t size = 0;
    for (auto& panel : panels_) {
      const auto [from, to] = blocks_read(panel.first * loops_.lanes, std::min(problem_.k, (panel.first + panel.vectors) * loops_.lanes));
      panel.weights_at = size;
      panel.steps_at = static_cast<int64_t>(steps_.size());
      panel.steps = (to - from) * taps / image_.step_taps;
      size += (to - from) * taps * image_.unit * panel.vectors * loops_.lanes;
      for (int64_t block = from; block < to; ++block) add_steps(block);
    }
    const auto layout = "direct v" + std::to_string(panels_[0].vectors) + " l" + std::to_string(loops_.lanes) + " u" + std::to_string(image_.unit) +
                        " " + problem_.weights_text();
    weights_ = weights.source.packed<float>(layout, size, [&](float* to) {
      for (const auto& panel : panels_) pack_panel(panel, weights, to);
    });
  }

  void add_steps(int64_t block) {
    for (int64_t kh = 0; kh < problem_.kernel_h; ++kh)
      for (int64_t kw = 0; kw < problem_.kernel_w; kw += image_.step_taps)
        steps_.push_back(block * block_floats() + (kh * problem_.dilation_h * cut_.width + kw * problem_.dilation_w) * image_.unit);
  }

  void pack_panel(const Panel& panel, const ConvWeights& weights, float* to) const {
    const int64_t taps = problem_.kernel_h * problem_.kernel_w, per_group_out = problem_.k / problem_.groups,
                  per_group_in = problem_.c / problem_.groups;
    const int64_t first_input =
        blocks_read(panel.first * loops_.lanes, std::min(problem_.k, (panel.first + panel.vectors) * loops_.lanes)).first * image_.unit;
    const int64_t columns = panel.vectors * loops_.lanes;
    for (int64_t c = 0; c < per_group_in; ++c)
      for (int64_t column = 0; column < std::min(columns, problem_.k - panel.first * loops_.lanes); ++column) {
        const int64_t k = panel.first * loops_.lanes + column, group_input = k / per_group_out * per_group_in;
        const int64_t at = group_input + c - first_input, block = at / image_.unit, lane = at % image_.unit;
        for (int64_t tap = 0; tap < taps; ++tap)
          to[panel.weights_at + ((block * taps + tap) * image_.unit + lane) * columns + column] = weights.w[(k * per_group_in + c) * taps + tap];
      }
  }

  /// `frame`: the member's own, where chunks have one each.
  void compute(const float* x, float* frame, const float* residual, float* y, const Member& member) const {
    const auto groups = static_cast<int64_t>(groups_.size()), chunks = static_cast<int64_t>(cut_.chunks.size());
    const auto items = share_of(chunks * groups, member);
    int64_t framed = -1;
    for (int64_t item = items.begin; item < items.end; ++item) {
      const bool is_chunks_outside = order_ == DirectOrder::kChunks;
      const int64_t at = is_chunks_outside ? item / groups : item % chunks, group = is_chunks_outside ? item % groups : item / chunks;
      const auto& chunk = cut_.chunks[static_cast<size_t>(at)];
      if (cut_.is_by_chunk && at != framed)
        fill_frame(problem_, image_, cut_, chunk.window, x, frame, 0, image_.blocks * chunk.window.rows), framed = at;
      compute_item(chunk, groups_[static_cast<size_t>(group)], {cut_.is_by_chunk ? frame : x, residual, y});
    }
  }

  struct Images {
    const float* x;  // or a frame of it
    const float* residual;
    float* y;
  };

  void compute_item(const DirectChunk& chunk, const PanelGroup& group, const Images& images) const {
    switch (inside_) {
      case DirectInside::kPanelsPiecesRuns:
        for (size_t i = group.begin; i < group.end; ++i)
          for (int64_t piece = 0; piece < pieces_of(panels_[i]); ++piece) compute_runs(panels_[i], piece, chunk.begin, chunk.end, images);
        return;
      case DirectInside::kPiecesPanelsRuns:
        for (int64_t piece = 0, most = 1; piece < most; ++piece)
          for (size_t i = group.begin; i < group.end; ++i) {
            most = std::max(most, pieces_of(panels_[i]));
            if (piece < pieces_of(panels_[i])) compute_runs(panels_[i], piece, chunk.begin, chunk.end, images);
          }
        return;
      case DirectInside::kRunsPanelsPieces:
        for (size_t run = chunk.begin; run < chunk.end; ++run)
          for (size_t i = group.begin; i < group.end; ++i)
            for (int64_t piece = 0; piece < pieces_of(panels_[i]); ++piece) compute_runs(panels_[i], piece, run, run + 1, images);
    }
  }

  [[nodiscard]] int64_t pieces_of(const Panel& panel) const { return (panel.steps + most_steps_ - 1) / most_steps_; }

  /// Adds a piece of a panel's steps to runs [begin, end): weights come from beyond L1 for the first of them only.
  void compute_runs(const Panel& panel, int64_t piece, size_t begin, size_t end, const Images& images) const {
    const int64_t lanes = loops_.lanes, out_block = problem_.out_h() * problem_.out_w() * lanes, pieces = pieces_of(panel);
    const Range steps{panel.steps * piece / pieces, panel.steps * (piece + 1) / pieces};
    PanelArguments a;
    a.x_pixel = problem_.stride_w * image_.unit;
    a.inputs = static_cast<int>(image_.step_inputs());
    a.vectors = panel.vectors;
    a.most_pixels = most_pixels_;
    a.y_pixel = lanes;
    a.y_vector = out_block;
    a.is_first_read = panel.first == 0;
    a.bias = bias_.size() > 0 && piece == 0 ? bias_.data() + panel.first * lanes : nullptr;
    a.steps_at = steps_.data() + panel.steps_at + steps.begin;
    a.steps = steps.end - steps.begin;
    if (!image_.is_plain && problem_.groups == 1)
      set_short_steps(a, problem_.c, lanes, panel.steps, problem_.kernel_h * problem_.kernel_w, steps.end);
    a.w = weights_.data() + panel.weights_at + steps.begin * image_.step_inputs() * panel.vectors * lanes;
    a.ahead = ahead_;
    a.activation = piece + 1 == pieces ? end_.activation : ActivationArguments{};
    const int64_t floats = a.steps * image_.step_inputs() * panel.vectors * lanes;  // the same number follows, of the next piece or panel
    const float* const next = a.w + floats;
    const int64_t next_floats = std::min(floats, weights_.data() + weights_.size() - next), runs = static_cast<int64_t>(end - begin);
    auto* const loop = image_.is_plain ? loops_.panel_plain : loops_.panel_blocked;
    for (size_t i = begin; i < end; ++i) {
      const int64_t at = panel.first * out_block + cut_.runs[i].y * lanes;
      a.x = images.x + cut_.runs[i].x;
      a.y = images.y + at;
      a.residual = piece > 0 ? a.y : images.residual ? images.residual + at : nullptr;  // what the pieces before have summed up
      a.pixels = cut_.runs[i].pixels;
      const auto run = static_cast<int64_t>(i - begin);
      a.next_w = next + next_floats * run / runs;
      a.next_floats = next_floats / runs;
      loop(a);
      a.ahead = 0;
    }
  }

  ConvProblem problem_;
  ConvEnd end_;
  const VectorLoops& loops_;
  DirectImage image_;
  DirectCut cut_;
  DirectOrder order_;
  DirectInside inside_;
  int64_t most_steps_;  // of a panel at a time, so that their weights stay in L1
  int most_pixels_;     // of a register tile
  int64_t ahead_;       // floats of weights
  std::vector<Panel> panels_;
  std::vector<PanelGroup> groups_;
  std::vector<int64_t> steps_;  // offsets of all panels' steps
  Packed<float> weights_;       // by panel: (steps, inputs, vectors, lanes)
  AlignedFloats bias_;
};

std::string no_reason(const ConvProblem&, const VectorLoops&) { return ""; }
std::string reason_against_plain(const ConvProblem& p, const VectorLoops& loops) {
  return p.c > loops.lanes ? "more input channels than lanes: the input is blocked anyway" : "";
}

template <bool kIsPlain>
double estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  return direct_estimate(p, loops, knobs, kIsPlain);
}
template <bool kIsPlain>
KnobEffect effect(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  return direct_effect(p, loops, knobs, kIsPlain);
}
template <bool kIsPlain>
std::unique_ptr<Convolution> make(const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) {
  return std::make_unique<Direct>(p, w, end, knobs, loops, kIsPlain);
}

}  // namespace

extern const ConvImplementation k_conv_direct;
const ConvImplementation k_conv_direct{"direct",
                                       "every tap of every input channel, register tiles of pixels by output channels",
                                       no_reason,
                                       direct_knobs,
                                       direct_usual,
                                       estimate<false>,
                                       make<false>,
                                       /*is_measured_only=*/false,
                                       effect<false>};

extern const ConvImplementation k_conv_direct_plain;
const ConvImplementation k_conv_direct_plain{"direct_plain",
                                             "direct, from the plain layout of an image with few channels",
                                             reason_against_plain,
                                             direct_knobs,
                                             direct_usual,
                                             estimate<true>,
                                             make<true>,
                                             /*is_measured_only=*/false,
                                             effect<true>,
                                             /*can=*/nullptr,
                                             /*takes_plain_input=*/true};

}  // namespace scissionlite::kernels
