// 1x1 convolutions as products of matrices by Strassen's algorithm, one level of it: outputs, inputs and pixels are cut into halves, and the
// four quarters of the result come of 7 products of quarters where the definition has 8.
// Source: Strassen, Gaussian elimination is not optimal, Numerische Mathematik 13 (1969), in the form with 15 additions (Winograd). With weights
// A and pixels B, first index of A outputs, second of B pixels:
//   S1 = A21 + A22, S2 = S1 - A11, S3 = A11 - A21, S4 = A12 - S2 (packed)    T1 = B12 - B11, T2 = B22 - T1, T3 = B22 - B12, T4 = T2 - B21
//   C11 = A11 B11 + A12 B21    U2 = A11 B11 + S2 T2    U3 = U2 + S3 T3    D = S1 T1
//   C12 = U2 + D + S4 B22      C21 = U3 - A22 T4       C22 = U3 + D
// All sums of products but two are the start of the next product's registers, so that they cost no pass of their own.
// Loop nest: for chunks of pairs of pixels { transform the input; for panels: 7 products }, barriers between; what a panel keeps stays in L1.
// Pixels of an odd number: the middle one is in both halves and computed twice.
// Numerics: errors grow by the sums of inputs and weights, to about 2e-6 of max|y|.
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kSums = 4;                                                  // T1 to T4
enum Product : int { kA11, kA12, kS1, kS2, kS3, kS4, kMinusA22, kProducts };  // packed weights

class StrassenConvolution final : public Convolution {
 public:
  StrassenConvolution(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops)
      : problem_(p),
        end_(end),
        loops_(loops),
        pixels_(p.h * p.w),
        pairs_((pixels_ + 1) / 2),
        in_half_(blocks_of(p.c, loops.lanes) / 2),
        out_half_(blocks_of(p.k, loops.lanes) / 2),
        most_steps_(knobs.at("steps")),
        chunk_(equal_chunk(pairs_, knobs.at("pairs"))),
        panels_(cut_panels(out_half_, static_cast<int>(knobs.at("vectors")))),
        bias_(padded_bias(weights.bias, p.k, loops.lanes)) {
    for (int64_t block = 0; block < in_half_; ++block)
      image_steps_.push_back(block * pixels_ * loops.lanes), sum_steps_.push_back(block * chunk_ * loops.lanes);
    for (auto& panel : panels_) panel.weights_at = kProducts * panel.first * loops.lanes * half_inputs();
    const auto layout = "strassen v" + std::to_string(panels_[0].vectors) + " l" + std::to_string(loops.lanes) + " " + p.weights_text();
    weights_ = weights.source.packed<float>(layout, kProducts * half_inputs() * out_half_ * loops.lanes, [&](float* to) { pack(weights.w, to); });
  }

  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(float)); }
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return kSums * sum_floats() + threads * kBuffers * buffer_floats(); }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const int64_t in_image = 2 * in_half_ * pixels_ * loops_.lanes, out_image = 2 * out_half_ * pixels_ * loops_.lanes;
    float* sums = scratch;
    in_team(threads, [&](const Member& member) {
      float* buffers = scratch + kSums * sum_floats() + member.rank * kBuffers * buffer_floats();
      for (int64_t n = 0; n < problem_.n; ++n)
        for (int64_t first = 0; first < pairs_; first += chunk_) {
          const Chunk chunk{first, pixels_ - pairs_ + first, std::min(chunk_, pairs_ - first)};
          const float* image = x + n * in_image;
          member.barrier();  // the sums of the chunk before are read
          sum_inputs(image, chunk, sums, member);
          member.barrier();
          const auto mine = share_of(static_cast<int64_t>(panels_.size()), member);
          for (int64_t i = mine.begin; i < mine.end; ++i)
            compute({image, sums, residual ? residual + n * out_image : nullptr, y + n * out_image, buffers}, chunk, panels_[static_cast<size_t>(i)]);
        }
    });
  }

 private:
  static constexpr int64_t kBuffers = 4;

  /// Pairs of pixels: `left` and what follows with `right` and what follows.
  struct Chunk {
    int64_t left, right, count;
  };
  struct Images {
    const float *x, *sums, *residual;
    float *y, *buffers;
  };

  [[nodiscard]] int64_t half_inputs() const { return in_half_ * loops_.lanes; }
  [[nodiscard]] int64_t sum_floats() const { return half_inputs() * chunk_; }
  [[nodiscard]] int64_t buffer_floats() const { return panels_[0].vectors * chunk_ * loops_.lanes; }

  /// Panel by panel: (product, half of the inputs, vectors, lanes).
  void pack(const float* w, float* to) const {
    const int64_t lanes = loops_.lanes, inputs = half_inputs(), outputs = out_half_ * lanes;
    const auto at = [&](int64_t k, int64_t c) { return k < problem_.k && c < problem_.c ? static_cast<double>(w[k * problem_.c + c]) : 0.0; };
    for (const auto& panel : panels_) {
      const int64_t columns = panel.vectors * lanes;
      for (int64_t c = 0; c < inputs; ++c)
        for (int64_t column = 0; column < columns; ++column) {
          const int64_t k = panel.first * lanes + column;
          const double a11 = at(k, c), a12 = at(k, inputs + c), a21 = at(outputs + k, c), a22 = at(outputs + k, inputs + c), s1 = a21 + a22,
                       s2 = s1 - a11;
          const std::array<double, kProducts> values{a11, a12, s1, s2, a11 - a21, a12 - s2, -a22};
          for (int64_t product = 0; product < kProducts; ++product)
            to[panel.weights_at + (product * inputs + c) * columns + column] = static_cast<float>(values[static_cast<size_t>(product)]);
        }
    }
  }

  void subtract(const float* a, const float* b, int64_t count, float* y) const {
    BinaryArguments f;
    f.kind = BinaryKind::kSub;
    f.a = a, f.b = b, f.y = y, f.count = count * loops_.lanes;
    loops_.binary(f);
  }
  void add(const float* a, const float* b, int64_t count, float* y, const ActivationArguments& activation = {}) const {
    BinaryArguments f;
    f.a = a, f.b = b, f.y = y, f.count = count * loops_.lanes, f.activation = activation;
    loops_.binary(f);
  }

  /// T1 to T4, (half of the blocks, pairs, lanes) each.
  void sum_inputs(const float* x, const Chunk& chunk, float* sums, const Member& member) const {
    const int64_t lanes = loops_.lanes;
    const auto blocks = share_of(in_half_, member);
    for (int64_t block = blocks.begin; block < blocks.end; ++block) {
      const float *upper = x + block * pixels_ * lanes, *lower = upper + in_half_ * pixels_ * lanes;
      const float *b11 = upper + chunk.left * lanes, *b12 = upper + chunk.right * lanes, *b21 = lower + chunk.left * lanes,
                  *b22 = lower + chunk.right * lanes;
      float* t[kSums];
      for (int64_t i = 0; i < kSums; ++i) t[i] = sums + i * sum_floats() + block * chunk_ * lanes;
      subtract(b12, b11, chunk.count, t[0]);
      subtract(b22, t[0], chunk.count, t[1]);
      subtract(b22, b12, chunk.count, t[2]);
      subtract(t[1], b21, chunk.count, t[3]);
    }
  }

  /// Where a product's inputs lie.
  struct Inputs {
    const float* x;
    const int64_t* steps_at;
  };
  [[nodiscard]] Inputs sum(const Images& images, int64_t i) const { return {images.sums + (i - 1) * sum_floats(), sum_steps_.data()}; }
  [[nodiscard]] Inputs quarter(const Images& images, bool is_lower, int64_t pixel) const {
    return {images.x + ((is_lower ? in_half_ * pixels_ : 0) + pixel) * loops_.lanes, image_steps_.data()};
  }

  /// Where results go, and the buffer that they start from.
  struct Results {
    float* y;
    int64_t y_vector;
    const float* start = nullptr;
    const float* bias = nullptr;
    ActivationArguments activation = {};
  };

  void multiply(const Panel& panel, Product product, const Inputs& inputs, int64_t count, const Results& results) const {
    const int64_t pieces = (in_half_ + most_steps_ - 1) / most_steps_, step_floats = loops_.lanes * panel.vectors * loops_.lanes;
    PanelArguments a;
    a.x = inputs.x;
    a.x_pixel = a.y_pixel = loops_.lanes;
    a.vectors = panel.vectors;
    a.pixels = count;
    a.y = results.y;
    a.y_vector = results.y_vector;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const Range steps{in_half_ * piece / pieces, in_half_ * (piece + 1) / pieces};
      a.steps_at = inputs.steps_at + steps.begin;
      a.steps = steps.end - steps.begin;
      a.w = weights_.data() + panel.weights_at + product * in_half_ * step_floats + steps.begin * step_floats;
      a.residual = piece > 0 ? results.y : results.start;
      a.residual_vector = piece > 0 ? results.y_vector : chunk_ * loops_.lanes;
      a.bias = piece > 0 ? nullptr : results.bias;
      a.activation = piece + 1 == pieces ? results.activation : ActivationArguments{};
      loops_.panel_blocked(a);
    }
  }

  /// A panel's outputs of the upper half and those as far down the lower half, for a chunk of pairs.
  void compute(const Images& images, const Chunk& chunk, const Panel& panel) const {
    const int64_t lanes = loops_.lanes, vector = chunk_ * lanes, count = chunk.count;
    const int64_t upper = panel.first * pixels_, lower = (out_half_ + panel.first) * pixels_;
    float *a = images.buffers, *b = a + buffer_floats(), *c = b + buffer_floats(), *d = c + buffer_floats();
    const float* bias_upper = bias_.size() > 0 ? bias_.data() + panel.first * lanes : nullptr;
    const float* bias_lower = bias_upper ? bias_upper + out_half_ * lanes : nullptr;
    const auto activation = images.residual ? ActivationArguments{} : end_.activation;  // before a residual is added there is none
    multiply(panel, kA11, quarter(images, false, chunk.left), count, {a, vector});
    write(panel, kA12, quarter(images, true, chunk.left), count, a, bias_upper, images, upper + chunk.left);
    multiply(panel, kS2, sum(images, 2), count, {b, vector, a});
    multiply(panel, kS3, sum(images, 3), count, {c, vector, b, bias_lower});
    multiply(panel, kS1, sum(images, 1), count, {d, vector});
    for (int64_t v = 0; v < panel.vectors; ++v) {
      add(c + v * vector, d + v * vector, count, images.y + (lower + v * pixels_ + chunk.right) * lanes, activation);
      add(b + v * vector, d + v * vector, count, b + v * vector);
    }
    finish(panel, count, images, lower + chunk.right);
    write(panel, kS4, quarter(images, true, chunk.right), count, b, bias_upper, images, upper + chunk.right);
    write(panel, kMinusA22, sum(images, 4), count, c, nullptr, images, lower + chunk.left);
  }

  /// A product on top of a buffer to the image, vectors and pixels from `at` on, complete.
  void write(const Panel& panel, Product product, const Inputs& inputs, int64_t count, const float* start, const float* bias, const Images& images,
             int64_t at) const {
    multiply(panel, product, inputs, count,
             {images.y + at * loops_.lanes, pixels_ * loops_.lanes, start, bias, images.residual ? ActivationArguments{} : end_.activation});
    finish(panel, count, images, at);
  }
  void finish(const Panel& panel, int64_t count, const Images& images, int64_t at) const {
    if (!images.residual) return;
    for (int64_t v = 0; v < panel.vectors; ++v) {
      const int64_t floats = (at + v * pixels_) * loops_.lanes;
      add(images.y + floats, images.residual + floats, count, images.y + floats, end_.activation);
    }
  }

  ConvProblem problem_;
  ConvEnd end_;
  const VectorLoops& loops_;
  int64_t pixels_, pairs_;
  int64_t in_half_, out_half_;  // blocks
  int64_t most_steps_;          // of a product at a time, so that their weights stay in L1
  int64_t chunk_;               // pairs
  std::vector<Panel> panels_;   // of the upper half
  AlignedFloats bias_;
  std::vector<int64_t> image_steps_, sum_steps_;
  Packed<float> weights_;
};

std::string reason_against(const ConvProblem& p, const VectorLoops& loops) {
  if (!p.is_pointwise()) return "not 1x1 of stride 1, or with groups or padding";
  if (blocks_of(p.c, loops.lanes) % 2 || blocks_of(p.k, loops.lanes) % 2) return "an odd number of blocks of channels";
  return p.h * p.w < 2 ? "a single pixel" : "";
}

const std::vector<int64_t> kPairs{14, 25, 49, 98, 196, 392};

std::vector<KnobRange> knobs(const ConvProblem& p, const VectorLoops&) {
  std::vector<int64_t> pairs;
  for (const int64_t count : kPairs)
    if (pairs.empty() || pairs.back() < (p.h * p.w + 1) / 2) pairs.push_back(count);
  return {{"vectors", {1, 2, 3, 4}}, {"pairs", pairs}, {"steps", {8, 16, 32, 64, 1024}}};
}

double estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  constexpr double kSumCycles = 1.5, kOutputCycles = 14,
                   kCallCycles = 60;  // a vector of T; of a pair's outputs of a panel, beyond products; a product
  const int64_t pairs = (p.h * p.w + 1) / 2, chunk = std::min(knobs.at("pairs"), pairs), in_half = blocks_of(p.c, loops.lanes) / 2,
                out_half = blocks_of(p.k, loops.lanes) / 2;
  const double chunks = static_cast<double>(pairs) / static_cast<double>(chunk),
               panels = static_cast<double>((out_half + knobs.at("vectors") - 1) / knobs.at("vectors"));
  const double products = kProducts * chunks *
                          (static_cast<double>(in_half * loops.lanes) * panel_cycles(out_half, static_cast<int>(knobs.at("vectors")), chunk, loops) +
                           panels * kCallCycles);
  const double around =
      static_cast<double>(pairs) * (kSums * kSumCycles * static_cast<double>(in_half) + kOutputCycles * static_cast<double>(out_half));
  const double weights = static_cast<double>(kProducts * in_half * out_half * loops.lanes * loops.lanes * 4),
               input = static_cast<double>(p.c * p.h * p.w * 4);
  const double bytes = std::ceil(chunks) * weights + input;
  return static_cast<double>(p.n) * (std::max(products, bytes / kBytesPerCycle) + around);
}

Knobs usual(const ConvProblem& p, const VectorLoops& loops) {
  constexpr int64_t kWeightBytes = 24 << 10;  // of L1 that a product's weights may fill
  Knobs best;
  for (const int64_t pairs : kPairs) {
    const int vectors = best_vectors(blocks_of(p.k, loops.lanes) / 2, std::min(pairs, (p.h * p.w + 1) / 2), loops);
    const int64_t steps = kWeightBytes / (loops.lanes * vectors * loops.lanes * static_cast<int64_t>(sizeof(float)));
    const Knobs knobs{{"vectors", vectors}, {"pairs", pairs}, {"steps", std::max<int64_t>(steps, 4)}};
    if (best.empty() || estimate(p, loops, knobs) < estimate(p, loops, best)) best = knobs;
  }
  return best;
}

KnobEffect effect(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  const int64_t in_half = blocks_of(p.c, loops.lanes) / 2;
  return {std::min(knobs.at("vectors"), blocks_of(p.k, loops.lanes) / 2), equal_chunk((p.h * p.w + 1) / 2, knobs.at("pairs")),
          (in_half + knobs.at("steps") - 1) / knobs.at("steps")};
}

}  // namespace

extern const ConvImplementation k_conv_strassen;
const ConvImplementation k_conv_strassen{
    "strassen",
    "1x1 by Strassen's algorithm: 7 products of quarters instead of 8",
    reason_against,
    knobs,
    usual,
    estimate,
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<StrassenConvolution>(p, w, end, knobs, loops);
    },
    /*is_measured_only=*/true,
    effect};

}  // namespace scissionlite::kernels
