// A 1x1 convolution with 2:4 sparse weights: half of the multiply-adds. Pixels lie in lanes, so that a non-zero weight is one multiply-add
// whatever its input is; the blocked input is transposed tile by tile, and so are the sums on their way to the blocked output.
// Two ways, a knob: code for the weights (sparse24_code.cc), or loops over their places (sparse24_strips.cc).
#include "kernels/conv/sparse24.h"

#include "kernels/sparse24/strips.h"

namespace scissionlite::kernels {
namespace {

std::string reason_against(const ConvProblem& p, const VectorLoops&) {
  if (!p.is_pointwise()) return "not 1x1 of stride 1, or with groups or padding";
  return p.is_two_four ? "" : "weights are not 2:4 sparse";
}

const std::vector<int64_t> kInputs{32, 64, 128, 256, 512}, kTiles{1, 4, 8, 16, 32, 64, 128};

std::vector<KnobRange> knobs(const ConvProblem&, const VectorLoops& loops) {
  return {{"code", can_generate_sparse24(loops) ? std::vector<int64_t>{1, 0} : std::vector<int64_t>{0}},
          {"order", {0, 1}},
          {"inputs", kInputs},
          {"tiles", kTiles}};
}

double estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  // products a cycle; cycles of a block of a tile of the input and of the output; bytes a product
  constexpr double kCodeProducts = 1.7, kInputCycles = 90, kOutputCycles = 60, kCodeBytes = 11, kWideStripProducts = 1.35, kNarrowStripProducts = 0.4,
                   kStripOutputCycles = 80, kStripBytes = 4.25;
  const int64_t tiles = blocks_of(p.h * p.w, loops.lanes), rest = p.h * p.w % loops.lanes, rows = rest <= kMostTwoFourRows ? rest : 0,
                whole = blocks_of(p.h * p.w - rows, loops.lanes);
  const double weights = static_cast<double>(p.k * p.c) / 2, in = static_cast<double>(blocks_of(p.c, loops.lanes)),
               out = static_cast<double>(blocks_of(p.k, loops.lanes));
  if (!knobs.at("code")) {
    constexpr double kRowProducts = 1.5, kBlockCycles = 40;  // of a pixel's row against a lane of a tile; of calls
    const double filled = static_cast<double>(p.k * round_up(p.c, kStripInputs)) / 2;
    const double groups = static_cast<double>(blocks_of(whole, loops.most_two_four_tiles) + (rows > 0 ? 1 : 0)),
                 products = filled * (static_cast<double>(whole) + static_cast<double>(rows) * kRowProducts / static_cast<double>(loops.lanes)) /
                            (loops.lanes > 4 ? kWideStripProducts : kNarrowStripProducts);
    return static_cast<double>(p.n) * (std::max(products, weights * kStripBytes / kBytesPerCycle * groups) + kBlockCycles * out * groups +
                                       static_cast<double>(whole) * (in * kInputCycles + out * kStripOutputCycles));
  }
  const double code = weights * kCodeBytes / kBytesPerCycle * static_cast<double>(blocks_of(tiles, knobs.at("tiles")));
  return static_cast<double>(p.n) * (std::max(weights * static_cast<double>(tiles) / kCodeProducts, code) +
                                     static_cast<double>(tiles) * (in * kInputCycles + out * kOutputCycles));
}

Knobs usual_code(const ConvProblem& p, const VectorLoops& loops) {
  constexpr int64_t kFewOutputs = 64, kCodeInL1 = 28 << 10, kProductBytes = 7;  // all of a piece's outputs, tile by tile
  constexpr int64_t kUsualInputs = 256;                                         // 28 KB of code and 8 KB of weights at most
  constexpr int64_t kUsualTiles = 16;                                           // enough for a part's code to come from beyond L2 meanwhile
  const bool is_tile_by_tile = p.k <= kFewOutputs;
  const int64_t most_inputs = is_tile_by_tile ? kCodeInL1 / kProductBytes / p.k * kTwoFourGroup / kTwoFourKept : kUsualInputs;
  int64_t inputs = kInputs.front();
  for (const int64_t value : kInputs)
    if (value <= most_inputs) inputs = value;
  return {{"code", can_generate_sparse24(loops) ? 1 : 0}, {"order", is_tile_by_tile ? 1 : 0}, {"inputs", inputs}, {"tiles", kUsualTiles}};
}

Knobs usual(const ConvProblem& p, const VectorLoops& loops) {
  const auto code = usual_code(p, loops);
  auto strips = code;
  strips["code"] = 0;
  return estimate(p, loops, strips) < estimate(p, loops, code) ? strips : code;
}

KnobEffect effect(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  if (!knobs.at("code")) return {0};
  const int64_t chunk = equal_chunk(blocks_of(p.h * p.w, loops.lanes), knobs.at("tiles"));
  return {1, knobs.at("order"), std::min(knobs.at("inputs"), round_up(p.c, loops.lanes)), chunk};
}

}  // namespace

extern const ConvImplementation k_conv_sparse24;
const ConvImplementation k_conv_sparse24{
    "sparse24",
    "1x1 with 2:4 sparse weights: the half of the products that is not zero",
    reason_against,
    knobs,
    usual,
    estimate,
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) {
      return knobs.at("code") && can_generate_sparse24(loops) ? make_sparse24_code(p, w, end, knobs, loops) : make_sparse24_strips(p, w, end, loops);
    },
    /*is_measured_only=*/false,
    effect};

}  // namespace scissionlite::kernels
