// Direct convolution on blocked activations: every output vector is the sum over (block of input channels, tap) of lanes values
// times a row of weights each. Loop nest of one panel: for chunks of output pixels, for runs of pixels in a row, PanelArguments.
// A padded input is copied into a frame of zeros first: one read and write of the input, against 9 multiply-adds a value and panel.
// Grouped convolutions read the blocks that hold channels of the panel's groups; weights that join two groups are zero.
// With a plain input (direct_plain, for the few channels of an image) a step is a row of the kernel with all its channels.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kWeightBytes = 24 << 10;  // of L1 that a panel's weights may fill

/// The image as steps read it: blocked, or, with a plain input, all channels of a pixel together, so that a row of the kernel is one
/// run of values.
struct Geometry {
  bool is_plain = false;
  int64_t unit = 0, height = 0, width = 0, in_blocks = 0;  // floats of a pixel; of the frame
  int64_t step_taps = 1;                                   // taps of a step
  [[nodiscard]] int64_t block_floats() const { return height * width * unit; }
  [[nodiscard]] int64_t step_inputs() const { return step_taps * unit; }
};

Geometry geometry_of(const ConvProblem& p, const VectorLoops& loops, bool is_plain) {
  const int64_t height = p.h + p.top + p.bottom, width = p.w + p.left + p.right;
  if (is_plain) return {true, p.c, height, width, 1, p.dilation_w == 1 ? p.kernel_w : 1};
  return {false, loops.lanes, height, width, blocks_of(p.c, loops.lanes), 1};
}

int64_t run_pixels(const ConvProblem& p) { return p.keeps_pixels() ? p.out_h() * p.out_w() : p.out_w(); }

class Direct final : public Convolution {
 public:
  Direct(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops, bool is_plain)
      : problem_(p), end_(end), loops_(loops), frame_(geometry_of(p, loops, is_plain)), bias_(padded_bias(weights.bias, p.k, loops.lanes)) {
    panels_ = cut_panels(blocks_of(p.k, loops.lanes), static_cast<int>(knobs.at("vectors")));
    most_steps_ = knobs.at("steps");
    pack(weights);
    cut_runs(knobs.at("chunk"));
  }

  [[nodiscard]] bool takes_plain_input() const override { return frame_.is_plain; }
  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(float)); }
  [[nodiscard]] int64_t scratch_floats(int) const override { return has_frame() ? frame_.in_blocks * frame_.block_floats() : 0; }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const int64_t in_image = problem_.h * problem_.w * frame_.in_blocks * frame_.unit, out_pixels = problem_.out_h() * problem_.out_w();
    const int64_t out_image = blocks_of(problem_.k, loops_.lanes) * out_pixels * loops_.lanes;
    in_team(threads, [&](const Member& member) {
      for (int64_t n = 0; n < problem_.n; ++n) {
        const float* image = x + n * in_image;
        if (has_frame()) {
          if (n > 0) member.barrier();  // others may still read the last image's frame
          copy_into_frame(image, scratch, member);
          member.barrier();
          image = scratch;
        }
        compute(image, residual ? residual + n * out_image : nullptr, y + n * out_image, member);
      }
    });
  }

 private:
  [[nodiscard]] bool has_frame() const { return problem_.is_padded() || frame_.is_plain; }

  struct Run {
    int64_t x = 0, y = 0, pixels = 0;  // offset in the block, first output pixel
  };
  struct Chunk {
    size_t begin = 0, end = 0;  // of runs_
  };

  /// Input blocks that hold channels of the groups of outputs [first, end).
  [[nodiscard]] std::pair<int64_t, int64_t> blocks_read(int64_t first, int64_t end) const {
    const int64_t per_group_out = problem_.k / problem_.groups, per_group_in = problem_.c / problem_.groups;
    const int64_t from = first / per_group_out * per_group_in, to = ((end - 1) / per_group_out + 1) * per_group_in;
    return {from / frame_.unit, blocks_of(to, frame_.unit)};
  }

  void pack(const ConvWeights& weights) {
    const int64_t taps = problem_.kernel_h * problem_.kernel_w;
    int64_t size = 0;
    for (auto& panel : panels_) {
      const auto [from, to] = blocks_read(panel.first * loops_.lanes, std::min(problem_.k, (panel.first + panel.vectors) * loops_.lanes));
      panel.weights_at = size;
      panel.steps_at = static_cast<int64_t>(steps_.size());
      panel.steps = (to - from) * taps / frame_.step_taps;
      size += (to - from) * taps * frame_.unit * panel.vectors * loops_.lanes;
      for (int64_t block = from; block < to; ++block) add_steps(block);
    }
    const auto layout = "direct v" + std::to_string(panels_[0].vectors) + " l" + std::to_string(loops_.lanes) + " u" + std::to_string(frame_.unit) + " " + problem_.weights_text();
    weights_ = weights.source.packed<float>(layout, size, [&](float* to) {
      for (const auto& panel : panels_) pack_panel(panel, weights, to);
    });
  }

  void add_steps(int64_t block) {
    for (int64_t kh = 0; kh < problem_.kernel_h; ++kh)
      for (int64_t kw = 0; kw < problem_.kernel_w; kw += frame_.step_taps)
        steps_.push_back(block * frame_.block_floats() + (kh * problem_.dilation_h * frame_.width + kw * problem_.dilation_w) * frame_.unit);
  }

  void pack_panel(const Panel& panel, const ConvWeights& weights, float* to) const {
    const int64_t taps = problem_.kernel_h * problem_.kernel_w, per_group_out = problem_.k / problem_.groups, per_group_in = problem_.c / problem_.groups;
    const int64_t first_input = blocks_read(panel.first * loops_.lanes, std::min(problem_.k, (panel.first + panel.vectors) * loops_.lanes)).first * frame_.unit;
    const int64_t columns = panel.vectors * loops_.lanes;
    for (int64_t c = 0; c < per_group_in; ++c)
      for (int64_t column = 0; column < std::min(columns, problem_.k - panel.first * loops_.lanes); ++column) {
        const int64_t k = panel.first * loops_.lanes + column, group_input = k / per_group_out * per_group_in;
        const int64_t at = group_input + c - first_input, block = at / frame_.unit, lane = at % frame_.unit;
        for (int64_t tap = 0; tap < taps; ++tap)
          to[panel.weights_at + ((block * taps + tap) * frame_.unit + lane) * columns + column] = weights.w[(k * per_group_in + c) * taps + tap];
      }
  }

  /// Runs of pixels, and chunks of runs of about `pixels`.
  void cut_runs(int64_t pixels) {
    const int64_t columns = run_pixels(problem_), rows = problem_.keeps_pixels() ? 1 : problem_.out_h();
    int64_t open = 0;
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t pieces = std::max<int64_t>(1, (columns + pixels - 1) / pixels);
      for (int64_t i = 0, first = 0; i < pieces; ++i) {
        const int64_t size = (columns - first) / (pieces - i);
        if (open == 0 || open + size > pixels) chunks_.push_back({runs_.size(), runs_.size()}), open = 0;
        runs_.push_back({(row * problem_.stride_h * frame_.width + first * problem_.stride_w) * frame_.unit, row * columns + first, size});
        chunks_.back().end = runs_.size();
        open += size;
        first += size;
      }
    }
  }

  void copy_into_frame(const float* x, float* frame, const Member& member) const {
    const auto rows = share_of(frame_.in_blocks * frame_.height, member);
    const int64_t unit = frame_.unit, inside = problem_.w * unit, left = problem_.left * unit, right = problem_.right * unit;
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      const int64_t block = i / frame_.height, row = i % frame_.height - problem_.top;
      float* to = frame + i * frame_.width * unit;
      if (row < 0 || row >= problem_.h) {
        std::memset(to, 0, static_cast<size_t>(frame_.width * unit) * sizeof(float));
        continue;
      }
      std::memset(to, 0, static_cast<size_t>(left) * sizeof(float));
      if (frame_.is_plain) join_channels(x + row * problem_.w, to + left);
      else std::memcpy(to + left, x + (block * problem_.h + row) * inside, static_cast<size_t>(inside) * sizeof(float));
      std::memset(to + left + inside, 0, static_cast<size_t>(right) * sizeof(float));
    }
  }

  /// One row of all planes, pixel by pixel.
  void join_channels(const float* x, float* to) const {
    const int64_t plane = problem_.h * problem_.w;
    for (int64_t c = 0; c < problem_.c; ++c)
      for (int64_t column = 0; column < problem_.w; ++column) to[column * problem_.c + c] = x[c * plane + column];
  }

  void compute(const float* x, const float* residual, float* y, const Member& member) const {
    const auto panels = static_cast<int64_t>(panels_.size());
    const auto items = share_of(static_cast<int64_t>(chunks_.size()) * panels, member);
    for (int64_t item = items.begin; item < items.end; ++item)
      compute_item(chunks_[static_cast<size_t>(item / panels)], panels_[static_cast<size_t>(item % panels)], x, residual, y);
  }

  void compute_item(const Chunk& chunk, const Panel& panel, const float* x, const float* residual, float* y) const {
    const int64_t lanes = loops_.lanes, out_block = problem_.out_h() * problem_.out_w() * lanes;
    PanelArguments a;
    a.x_pixel = problem_.stride_w * frame_.unit;
    a.inputs = static_cast<int>(frame_.step_inputs());
    a.vectors = panel.vectors;
    a.y_pixel = lanes;
    a.y_vector = out_block;
    a.bias = bias_.size() > 0 ? bias_.data() + panel.first * lanes : nullptr;
    auto* const loop = frame_.is_plain ? loops_.panel_plain : loops_.panel_blocked;
    const int64_t pieces = (panel.steps + most_steps_ - 1) / most_steps_;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const auto steps = Range{panel.steps * piece / pieces, panel.steps * (piece + 1) / pieces};
      a.steps_at = steps_.data() + panel.steps_at + steps.begin;
      a.steps = steps.end - steps.begin;
      a.w = weights_.data() + panel.weights_at + steps.begin * step_floats(panel);
      if (piece > 0) a.bias = nullptr;
      a.activation = piece + 1 == pieces ? end_.activation : ActivationArguments{};
      for (size_t i = chunk.begin; i < chunk.end; ++i) {
        const int64_t at = panel.first * out_block + runs_[i].y * lanes;
        a.x = x + runs_[i].x;
        a.y = y + at;
        a.residual = piece > 0 ? a.y : residual ? residual + at : nullptr;  // what the pieces before have summed up
        a.pixels = runs_[i].pixels;
        loop(a);
      }
    }
  }
  [[nodiscard]] int64_t step_floats(const Panel& panel) const { return frame_.step_inputs() * panel.vectors * loops_.lanes; }

  ConvProblem problem_;
  ConvEnd end_;
  const VectorLoops& loops_;
  Geometry frame_;
  std::vector<Panel> panels_;
  int64_t most_steps_ = 0;      // of a panel at a time, so that their weights stay in L1
  std::vector<int64_t> steps_;  // offsets of all panels' steps
  Packed<float> weights_;       // by panel: (steps, inputs, vectors, lanes)
  AlignedFloats bias_;
  std::vector<Run> runs_;
  std::vector<Chunk> chunks_;
};

std::vector<KnobRange> knobs(const ConvProblem& p, const VectorLoops&) {
  std::vector<int64_t> chunks;
  for (const int64_t size : {14, 28, 56, 112, 224, 448, 896, 3136})
    if (chunks.empty() || chunks.back() < p.out_h() * p.out_w()) chunks.push_back(size);
  return {{"vectors", {1, 2, 3, 4}}, {"chunk", chunks}, {"steps", {8, 16, 24, 32, 48, 64, 96, 1024}}};
}

/// Bytes that come from beyond L2: the weights for each chunk of pixels, and the input for each panel where a chunk of it does not stay.
double traffic(const ConvProblem& p, const VectorLoops& loops, int64_t chunk, int vectors) {
  const int64_t panels = (blocks_of(p.k, loops.lanes) + vectors - 1) / vectors, pixels = p.out_h() * p.out_w();
  const double chunks = std::ceil(static_cast<double>(pixels) / static_cast<double>(chunk));
  const double weights = static_cast<double>(p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w * 4), input = static_cast<double>(p.c * p.h * p.w * 4);
  const bool stays = input / chunks <= 0.6 * static_cast<double>(l2_bytes());
  return chunks * weights + (stays ? 1 : static_cast<double>(panels)) * input;
}

Knobs usual(const ConvProblem& p, const VectorLoops& loops) {
  Knobs best;
  double least = 0;
  for (const int64_t chunk : {24, 49, 98, 196, 392, 784, 1568, 3136}) {
    const int vectors = best_vectors(blocks_of(p.k, loops.lanes), std::min(run_pixels(p), chunk), loops);
    const double bytes = traffic(p, loops, chunk, vectors);
    if (!best.empty() && bytes >= least) continue;
    const int64_t steps = kWeightBytes / (loops.lanes * vectors * loops.lanes * static_cast<int64_t>(sizeof(float)));
    best = {{"vectors", vectors}, {"chunk", chunk}, {"steps", std::max<int64_t>(steps, 4)}};
    least = bytes;
  }
  return best;
}

double estimate_with(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs, bool is_plain) {
  const int64_t run = run_pixels(p), blocks = blocks_of(p.k, loops.lanes), columns = std::min(run, knobs.at("chunk"));
  const double runs = static_cast<double>(p.out_h() * p.out_w()) / static_cast<double>(columns);
  const int64_t per_group = is_plain ? p.c / p.groups : round_up(p.c / p.groups, loops.lanes);
  const double inputs = static_cast<double>(per_group * p.kernel_h * p.kernel_w);
  const double frame = p.is_padded() ? static_cast<double>(p.c * p.h * p.w) / loops.lanes * 2 : 0;
  const int vectors = static_cast<int>(knobs.at("vectors"));
  const double products = inputs * runs * panel_cycles(blocks, vectors, columns, loops);
  return static_cast<double>(p.n) * (std::max(products, traffic(p, loops, knobs.at("chunk"), vectors) / kBytesPerCycle) + frame);
}

std::string no_reason(const ConvProblem&, const VectorLoops&) { return ""; }
std::string reason_against_plain(const ConvProblem& p, const VectorLoops& loops) {
  return p.c > loops.lanes ? "more input channels than lanes: the input is blocked anyway" : "";
}

}  // namespace

extern const ConvImplementation k_conv_direct;
const ConvImplementation k_conv_direct{
    "direct", "every tap of every input channel, register tiles of pixels by output channels", no_reason, knobs, usual,
    [](const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) { return estimate_with(p, loops, knobs, /*is_plain=*/false); },
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<Direct>(p, w, end, knobs, loops, /*is_plain=*/false);
    }};

extern const ConvImplementation k_conv_direct_plain;
const ConvImplementation k_conv_direct_plain{
    "direct_plain", "direct, from the plain layout of an image with few channels", reason_against_plain, knobs, usual,
    [](const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) { return estimate_with(p, loops, knobs, /*is_plain=*/true); },
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<Direct>(p, w, end, knobs, loops, /*is_plain=*/true);
    }};

}  // namespace scissionlite::kernels
