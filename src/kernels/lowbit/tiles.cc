#include "kernels/lowbit/tiles.h"

#include "kernels/lowbit/few_bits.h"
#include "kernels/lowbit/tile_inputs.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kSmallImage = 256;  // pixels; below, threads share the outputs, so that each reads its part of the weights

int64_t window_of(const ConvProblem& p) { return p.c / p.groups * p.kernel_h * p.kernel_w; }
int64_t pixels_of(const ConvProblem& p) { return p.n * p.out_h() * p.out_w(); }

class Tiles final : public Int8Convolution {
 public:
  Tiles(const Int8Problem& problem, const Int8Weights& weights, const LowBitLoops& loops)
      : problem_(problem),
        loops_(loops),
        inputs_(make_tile_inputs(problem)),
        panels_({.groups = problem.conv.groups,
                 .outputs = problem.conv.k / problem.conv.groups,
                 .channels = problem.conv.c / problem.conv.groups,
                 .taps = problem.conv.kernel_h * problem.conv.kernel_w,
                 .is_x_signed = problem.is_x_signed,
                 .x_zero = problem.x_zero},
                weights, weight_code_of(problem), loops) {}

  [[nodiscard]] int64_t scratch_bytes(int threads) const override { return threads * thread_bytes(); }

  void run(const uint8_t* x, uint8_t* y, std::byte* scratch, int threads) const override {
    const int64_t tasks = problem_.conv.groups * inputs_->blocks();
    const bool shares_panels = pixels_of(problem_.conv) <= kSmallImage || tasks < threads;
    in_team(threads, [&](const Member& member) {
      const Range mine = shares_panels ? Range{0, tasks} : share_of(tasks, member),
                  panels = shares_panels ? share_of(panels_.panels(), member) : Range{0, panels_.panels()};
      if (panels.begin == panels.end) return;
      for (int64_t task = mine.begin; task < mine.end; ++task)
        run_block(x, y, task / inputs_->blocks(), task % inputs_->blocks(), panels, scratch + member.rank * thread_bytes());
    });
  }

 private:
  [[nodiscard]] int64_t sums_bytes() const { return inputs_->most_rows() * loops_.outputs * 4; }
  [[nodiscard]] int64_t thread_bytes() const { return round_up(sums_bytes() + inputs_->scratch_bytes(), 64); }

  void run_block(const uint8_t* x, uint8_t* y, int64_t group, int64_t at, const Range& panels, std::byte* scratch) const {
    const auto block = inputs_->lay_out(x, group, at, panels_, scratch + sums_bytes());
    const int64_t of_group = group * panels_.panels();
    auto* const sums = reinterpret_cast<int32_t*>(scratch);
    TileRows(panels_, loops_).multiply(block.x, block.count, {of_group + panels.begin, of_group + panels.end}, sums, [&](int64_t panel) {
      for (int64_t i = 0; i < block.rows; ++i)
        panels_.to_bytes(panel, sums + i * block.pitch * loops_.outputs, block.x.sums + i * block.pitch, block.columns, end_of(problem_, nullptr),
                         y + (block.first_pixel + i * block.pixel_pitch) * problem_.conv.k);
    });
  }

  Int8Problem problem_;
  const LowBitLoops& loops_;
  std::unique_ptr<TileInputs> inputs_;
  WeightPanels panels_;
};

// Cycles, fitted to times of bench/shapes/lowbit.txt on one core with AMX, of weights of one and two bits: of a product of 16 rows by 64 inputs by a
// vector of outputs, which takes 16 at best; of a vector of weights that is unpacked; of a byte of x that is laid out; and of a pixel's vector of
// outputs, from sums to bytes.
constexpr double kProductCycles = 28, kUnpackedCycles = 2.5, kByteCycles = 0.2, kPieceCycles = 20, kEndCycles = 12;

double estimate_tiles(const Int8Problem& problem, const LowBitLoops& loops) {
  const auto& p = problem.conv;
  const int64_t panels = (p.k / p.groups + loops.outputs - 1) / loops.outputs, vectors = round_up(window_of(p), kTileInputs);  // of a panel's weights
  const auto cost = make_tile_inputs(problem)->cost();
  const double of_panel =
      4 * kProductCycles * cost.products + kUnpackedCycles * static_cast<double>(vectors) * cost.unpackings + kEndCycles * cost.output_pixels;
  return static_cast<double>(p.groups) * (static_cast<double>(panels) * of_panel + kByteCycles * cost.bytes + kPieceCycles * cost.pieces);
}

}  // namespace

std::string reason_against_tiles(const Int8Problem& problem) {
  if (const int bits = weight_code_of(problem).bits; bits > kMostTileBits)
    return "weights of " + std::to_string(bits) + " bits, more than " + std::to_string(kMostTileBits);
  return window_of(problem.conv) > kMostInputsOfDense ? "sums of " + std::to_string(window_of(problem.conv)) + " products may exceed 32 bits"
                                                      : std::string();
}

std::unique_ptr<Int8Convolution> make_tiles(const Int8Problem& problem, const Int8Weights& weights, const LowBitLoops& loops) {
  return std::make_unique<Tiles>(problem, weights, loops);
}

extern const Int8ConvImplementation k_int8_conv_tiles;
const Int8ConvImplementation k_int8_conv_tiles{
    "tiles",
    [](const Int8Problem& problem, const Int8Loops& loops) {
      return low_bit_loops_beside(loops).has_tiles ? reason_against_tiles(problem) : std::string("needs amx_int8");
    },
    [](const Int8Problem& problem, const Int8Loops& loops) { return estimate_tiles(problem, low_bit_loops_beside(loops)); },
    [](const Int8Problem& p, const Int8Weights& w, const Int8Loops& loops) { return make_tiles(p, w, low_bit_loops_beside(loops)); },
    /*keeps_packed=*/true};

}  // namespace scissionlite::kernels
