#include "kernels/lowbit/tiles.h"

#include "kernels/lowbit/few_bits.h"
#include "kernels/lowbit/tile_rows.h"

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
        panels_({.groups = problem.conv.groups,
                 .outputs = problem.conv.k / problem.conv.groups,
                 .channels = problem.conv.c / problem.conv.groups,
                 .taps = problem.conv.kernel_h * problem.conv.kernel_w,
                 .is_x_signed = problem.is_x_signed,
                 .x_zero = problem.x_zero},
                weights, weight_code_of(problem), loops) {}

  [[nodiscard]] int64_t scratch_bytes(int threads) const override { return threads * thread_bytes(); }

  void run(const uint8_t* x, uint8_t* y, std::byte* scratch, int threads) const override {
    const TileRows rows(panels_, loops_);
    const int64_t groups = problem_.conv.groups, blocks = (pixels_of(problem_.conv) + rows.most_rows() - 1) / rows.most_rows(),
                  tasks = groups * blocks;
    const bool shares_panels = pixels_of(problem_.conv) <= kSmallImage || tasks < threads;
    in_team(threads, [&](const Member& member) {
      const auto work = rows.work_in(scratch + member.rank * thread_bytes());
      const Range mine = shares_panels ? Range{0, tasks} : share_of(tasks, member),
                  panels = shares_panels ? share_of(panels_.panels(), member) : Range{0, panels_.panels()};
      if (panels.begin == panels.end) return;
      for (int64_t task = mine.begin; task < mine.end; ++task) run_block(x, y, task / blocks, task % blocks * rows.most_rows(), panels, rows, work);
    });
  }

 private:
  [[nodiscard]] int64_t thread_bytes() const { return round_up(TileRows(panels_, loops_).scratch_bytes(), 64); }

  void run_block(const uint8_t* x, uint8_t* y, int64_t group, int64_t first, const Range& panels, const TileRows& rows, const TileWork& work) const {
    const int64_t count = std::min(rows.most_rows(), pixels_of(problem_.conv) - first), of_group = group * panels_.panels();
    for (int64_t i = 0; i < count; ++i) work.x_sums[i] = set_row(x, group, first + i, rows.row_bytes(), work.x + i * rows.row_bytes());
    rows.multiply(work, count, {of_group + panels.begin, of_group + panels.end}, [&](int64_t panel) {
      panels_.to_bytes(panel, work.sums, work.x_sums, count, end_of(problem_, nullptr), y + first * problem_.conv.k);
    });
  }

  /// @return the sum that WeightPanels wants.
  int32_t set_row(const uint8_t* x, int64_t group, int64_t pixel, int64_t padded, uint8_t* row) const {
    const auto& p = problem_.conv;
    if (p.is_pointwise()) return panels_.set_row(x + pixel * p.c, padded, row);
    const int64_t top = pixel / p.out_w() % p.out_h() * p.stride_h - p.top, left = pixel % p.out_w() * p.stride_w - p.left,
                  taps = p.kernel_w * (p.c / p.groups);
    const uint8_t* const image = x + pixel / (p.out_h() * p.out_w()) * p.h * p.w * p.c + group * (p.c / p.groups);
    for (int64_t i = 0; i < p.kernel_h; ++i) copy_taps(image, top + i * p.dilation_h, left, row + i * taps);
    return panels_.end_row(row, padded);
  }

  /// A kernel row's, with x's zero point where it is outside of the image.
  void copy_taps(const uint8_t* image, int64_t h, int64_t left, uint8_t* to) const {
    const auto& p = problem_.conv;
    const int64_t channels = p.c / p.groups;
    const auto pad = static_cast<uint8_t>(problem_.x_zero);
    if (h < 0 || h >= p.h) return static_cast<void>(std::fill_n(to, p.kernel_w * channels, pad));
    const bool is_one_run = p.groups == 1 && p.dilation_w == 1 && left >= 0 && left + p.kernel_w <= p.w;
    if (is_one_run) return static_cast<void>(std::copy_n(image + (h * p.w + left) * p.c, p.kernel_w * channels, to));
    for (int64_t j = 0; j < p.kernel_w; ++j, to += channels) {
      const int64_t w = left + j * p.dilation_w;
      if (w < 0 || w >= p.w) std::fill_n(to, channels, pad);
      else std::copy_n(image + (h * p.w + w) * p.c, channels, to);
    }
  }

  Int8Problem problem_;
  const LowBitLoops& loops_;
  WeightPanels panels_;
};

// Cycles, fitted to times of bench/shapes/lowbit.txt on one core with AMX, of weights of one and two bits: of a product of 16 rows by 64 inputs by a
// vector of outputs, which takes 16 at best; of a vector of weights that is unpacked; of a byte of a row; and of a vector of an output row, from sums
// to bytes.
constexpr double kProductCycles = 23, kUnpackedCycles = 3.3, kRowCycles = 0.13, kEndCycles = 48;

double estimate_tiles(const Int8Problem& problem, const LowBitLoops& loops) {
  const auto& p = problem.conv;
  const int64_t outputs = p.k / p.groups, panels = p.groups * ((outputs + loops.outputs - 1) / loops.outputs),
                steps = (window_of(p) + kTileInputs - 1) / kTileInputs, pixels = pixels_of(p);
  const int64_t most = TileRows::most_rows(window_of(p)), blocks = (pixels + most - 1) / most, tiles = (pixels + kMostTileRows - 1) / kMostTileRows;
  const double of_panels = static_cast<double>(panels * steps) *
                           (4 * kProductCycles * static_cast<double>(tiles) + kTileInputs * kUnpackedCycles * static_cast<double>(blocks));
  return of_panels +
         static_cast<double>(pixels) * (kRowCycles * static_cast<double>(p.groups * steps * kTileInputs) + kEndCycles * static_cast<double>(panels));
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
