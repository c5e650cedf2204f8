// A 1x1 convolution with 2:4 sparse weights: half of the multiply-adds. Pixels lie in lanes, so that a non-zero weight is one multiply-add
// whatever its input is; the blocked input is transposed tile by tile, and so are the sums on their way to the blocked output.
// Loop nest: over chunks of tiles { transpose the input; over blocks of outputs { over pieces of inputs { over tiles { product } }; transpose } }:
// a piece's product stays in L1 while it runs over a chunk's tiles, which stay in L2.
// Products: code generated for the weights (kernels/sparse24/product_code.h) where the CPU has AVX-512, or a loop over places (two_four_tile).
#include <algorithm>
#include <limits>
#include <optional>

#include "base/cpu.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"
#include "kernels/sparse24/product_code.h"

namespace scissionlite::kernels {
namespace {

bool can_generate(const VectorLoops& loops) { return assembles_for_this_cpu() && loops.lanes == ProductCode::kLanes; }

/// What the portable loop reads: see TwoFourTileArguments.
struct PlacesOfWeights {
  PlacesOfWeights(const TwoFourLayout& layout, const std::byte* packed, int64_t lanes) : groups(layout.groups()) {
    const int64_t rows = round_up(layout.outputs, lanes);
    values = AlignedFloats(rows * groups * kTwoFourKept);
    places.resize(static_cast<size_t>(values.size()));
    for (int64_t output = 0; output < layout.outputs; ++output)
      for (int64_t group = 0; group < groups; ++group) {
        const auto kept = layout.group(packed, output, group);
        const int64_t at = ((output / kTwoFourRows * groups + group) * kTwoFourRows + output % kTwoFourRows) * kTwoFourKept;
        for (size_t i = 0; i < kTwoFourKept; ++i) {
          values.data()[at + static_cast<int64_t>(i)] = kept.values[i];
          places[static_cast<size_t>(at) + i] = static_cast<uint8_t>(kept.places[i]);
        }
      }
  }
  int64_t groups;
  AlignedFloats values;
  std::vector<uint8_t> places;
};

class Sparse24 final : public Convolution {
 public:
  Sparse24(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops)
      : problem_(p), end_(end), loops_(loops), pixels_(p.h * p.w), blocks_(blocks_of(p.k, loops.lanes)), layout_{p.k, p.c}, knob_inputs_(knobs.at("inputs")), bias_(padded_bias(weights.bias, p.k, loops.lanes)) {
    chunk_ = equal_chunk(blocks_of(pixels_, loops.lanes), knobs.at("tiles"));
    packed_ = weights.source.packed<std::byte>("sparse24 " + p.weights_text(), layout_.bytes(), [&](std::byte* to) { pack_two_four({weights.w, p.k, p.c, p.c, 1}, to); });
    if (knobs.at("code") && can_generate(loops)) code_.emplace(layout_, packed_.data(), bias_.size() > 0 ? bias_.data() : nullptr, std::min(knobs.at("inputs") / kTwoFourGroup, layout_.groups()), ProductRuns{chunk_, lines_a_run()}, product_end(end));
    else places_.emplace(layout_, packed_.data(), loops.lanes);
  }

  [[nodiscard]] int64_t packed_bytes() const override { return packed_.size() + (code_ ? code_->bytes() : places_->values.size() * 4 + static_cast<int64_t>(places_->places.size())); }
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return std::max(threads, 1) * member_floats(); }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const int64_t lanes = loops_.lanes, in_image = blocks_of(problem_.c, lanes) * pixels_ * lanes, out_image = blocks_ * pixels_ * lanes;
    const int64_t tiles = blocks_of(pixels_, lanes), chunks = blocks_of(tiles, chunk_);
    in_team(threads, [&](const Member& member) {
      float* const inputs = scratch + member.rank * member_floats();
      const auto items = share_of(problem_.n * chunks * blocks_, member);
      int64_t transposed = -1;
      for (int64_t item = items.begin; item < items.end; ++item) {
        const int64_t at = item / blocks_, n = at / chunks;
        const Range range{at % chunks * chunk_, std::min(tiles, (at % chunks + 1) * chunk_)};
        if (at != transposed) transpose(x + n * in_image, range, inputs), transposed = at;
        const float* const added = residual ? residual + n * out_image : nullptr;
        float* const sums = inputs + chunk_ * tile_floats();
        if (code_) run_code({x + n * in_image, inputs, added, y + n * out_image, sums}, range, item % blocks_);
        else run_places(inputs, range, item % blocks_, added, y + n * out_image, sums);
      }
    });
  }

 private:
  static constexpr int64_t kTilesAtOnce = 8;  // of the portable loop: sums that are read at once are still on their way to L1

  /// Relu and Clip are done by the code itself.
  static bool is_bound(const ActivationArguments& f) { return f.kind == ActivationKind::kRelu || f.kind == ActivationKind::kClip; }
  static ProductEnd product_end(const ConvEnd& end) {
    const auto& f = end.activation;
    return {end.has_residual, is_bound(f), f.kind == ActivationKind::kClip ? f.alpha : 0, f.kind == ActivationKind::kClip ? f.beta : std::numeric_limits<float>::infinity()};
  }

  [[nodiscard]] int64_t tile_floats() const { return round_up(problem_.c, loops_.lanes) * loops_.lanes; }
  [[nodiscard]] int64_t sums_floats() const { return loops_.lanes * loops_.lanes; }
  /// Tiles of the input; sums of all tiles where they are summed up piece by piece, else of some; a tile of the output and one of the residual.
  [[nodiscard]] int64_t member_floats() const { return chunk_ * tile_floats() + (std::max(chunk_, kTilesAtOnce) + 2) * sums_floats(); }
  [[nodiscard]] int64_t pixels_of(int64_t tile) const { return std::min<int64_t>(loops_.lanes, pixels_ - tile * loops_.lanes); }

  /// (tiles, channels, lanes of pixels)
  void transpose(const float* x, const Range& tiles, float* to) const {
    const int64_t lanes = loops_.lanes;
    for (int64_t block = 0; block < blocks_of(problem_.c, lanes); ++block)
      for (int64_t tile = tiles.begin; tile < tiles.end; ++tile)
        loops_.block_to_tile(x + (block * pixels_ + tile * lanes) * lanes, pixels_of(tile), to + (tile - tiles.begin) * tile_floats() + block * lanes * lanes);
  }

  /// Input lines of the next chunk that a run of the code brings to L2.
  [[nodiscard]] int64_t lines_a_run() const {
    const int64_t lines = blocks_of(problem_.c, loops_.lanes) * loops_.lanes, runs = blocks_ * blocks_of(problem_.c, knob_inputs_);  // of a tile
    return pixels_ > chunk_ * loops_.lanes ? blocks_of(lines, runs) : 0;
  }
  /// Where those of run `number` lie, of the chunk whose first pixel is `first`; null behind the last one.
  [[nodiscard]] const float* next_input(const float* x, int64_t first, int64_t number) const {
    const int64_t lanes = loops_.lanes, pixels = std::min(pixels_ - first, chunk_ * lanes), line = number * lines_a_run();
    if (pixels <= 0 || line >= blocks_of(problem_.c, lanes) * pixels) return nullptr;
    return x + (line / pixels * pixels_ + first + line % pixels) * lanes;
  }

  struct Images {
    const float *x, *tiles, *residual;  // the image, tiles of its chunk
    float *y, *sums;
  };
  void run_code(const Images& images, const Range& tiles, int64_t block) const {
    const int64_t pieces = code_->pieces(), count = tiles.end - tiles.begin;
    for (int64_t piece = 0; piece < pieces; ++piece)
      for (int64_t number = 0; number < count; ++number) {
        const int64_t tile = tiles.begin + number, at = (block * pixels_ + tile * loops_.lanes) * loops_.lanes, floats = pixels_of(tile) * loops_.lanes;
        float* const y = images.y + at;
        const ProductCode::Tile part{.x = images.tiles + number * tile_floats(), .sums = images.sums + number * sums_floats(), .y = y, .residual = images.residual ? images.residual + at : nullptr,
                                     .next_x = next_input(images.x, tiles.end * loops_.lanes, (block * pieces + piece) * count + number), .number = number};
        const bool is_last = piece + 1 == pieces;
        if (is_last && floats < sums_floats()) run_short(block, part, floats, images.sums + std::max(chunk_, kTilesAtOnce) * sums_floats());
        else code_->run(block, piece, part);
        if (is_last && end_.activation.kind != ActivationKind::kNone && !is_bound(end_.activation)) loops_.activate(y, y, floats, end_.activation);
      }
  }

  /// The last piece of a tile with fewer pixels than the code reads and writes. @param spare  an output and a residual.
  void run_short(int64_t block, ProductCode::Tile tile, int64_t floats, float* spare) const {
    float *const y = tile.y, *const residual = spare + sums_floats();
    if (tile.residual) std::copy_n(tile.residual, floats, residual);
    tile.y = spare, tile.residual = residual;
    code_->run(block, code_->pieces() - 1, tile);
    std::copy_n(spare, floats, y);
  }

  void run_places(const float* inputs, const Range& tiles, int64_t block, const float* residual, float* y, float* sums) const {
    for (int64_t first = tiles.begin; first < tiles.end; first += kTilesAtOnce) {
      const int64_t end = std::min(tiles.end, first + kTilesAtOnce);
      for (int64_t tile = first; tile < end; ++tile) multiply(inputs + (tile - tiles.begin) * tile_floats(), block, sums + (tile - first) * sums_floats());
      for (int64_t tile = first; tile < end; ++tile) finish(sums + (tile - first) * sums_floats(), tile, block, residual, y);
    }
  }

  void multiply(const float* x, int64_t block, float* sums) const {
    TwoFourTileArguments a;
    const int64_t at = block * loops_.lanes * places_->groups * kTwoFourKept;
    a.x = x, a.groups = places_->groups, a.values = places_->values.data() + at, a.places = places_->places.data() + at, a.sums = sums;
    loops_.two_four_tile(a);
  }

  void finish(const float* sums, int64_t tile, int64_t block, const float* residual, float* y) const {
    const int64_t lanes = loops_.lanes, at = (block * pixels_ + tile * lanes) * lanes;
    TileEndArguments a;
    a.tile = sums;
    a.pixels = pixels_of(tile);
    a.bias = bias_.size() > 0 ? bias_.data() + block * lanes : nullptr;
    a.residual = residual ? residual + at : nullptr;
    a.y = y + at;
    a.activation = end_.activation;
    loops_.tile_to_block(a);
  }

  ConvProblem problem_;
  ConvEnd end_;
  const VectorLoops& loops_;
  int64_t pixels_, blocks_;  // of an image; of outputs
  TwoFourLayout layout_;
  int64_t knob_inputs_;  // of a piece
  int64_t chunk_ = 0;    // tiles
  AlignedFloats bias_;
  Packed<std::byte> packed_;
  std::optional<ProductCode> code_;
  std::optional<PlacesOfWeights> places_;
};

std::string reason_against(const ConvProblem& p, const VectorLoops&) {
  if (!p.is_pointwise()) return "not 1x1 of stride 1, or with groups or padding";
  return p.is_two_four ? "" : "weights are not 2:4 sparse";
}

const std::vector<int64_t> kInputs{64, 128, 256, 512}, kTiles{1, 4, 8, 16, 32, 64, 128};

std::vector<KnobRange> knobs(const ConvProblem&, const VectorLoops& loops) {
  return {{"code", can_generate(loops) ? std::vector<int64_t>{1, 0} : std::vector<int64_t>{0}}, {"inputs", kInputs}, {"tiles", kTiles}};
}

double estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  // products a cycle; cycles of a block of a tile of the input and of the output; bytes a product; products a cycle of the portable loop, which is there to be right
  constexpr double kCodeProducts = 1.85, kInputCycles = 150, kOutputCycles = 90, kCodeBytes = 11, kLoopProducts = 0.4;
  const int64_t tiles = blocks_of(p.h * p.w, loops.lanes);
  const auto products = static_cast<double>(tiles * p.k * p.c) / 2;
  const double around = static_cast<double>(tiles) * (static_cast<double>(blocks_of(p.c, loops.lanes)) * kInputCycles + static_cast<double>(blocks_of(p.k, loops.lanes)) * kOutputCycles);
  if (!knobs.at("code")) return static_cast<double>(p.n) * (products / kLoopProducts + around);
  const double code = static_cast<double>(p.k * p.c) / 2 * kCodeBytes / kBytesPerCycle * static_cast<double>(blocks_of(tiles, knobs.at("tiles")));
  return static_cast<double>(p.n) * (std::max(products / kCodeProducts, code) + around);
}

Knobs usual(const ConvProblem& p, const VectorLoops& loops) {
  constexpr int64_t kUsualInputs = 256;  // 28 KB of code and 8 KB of weights at most
  constexpr int64_t kUsualTiles = 16;    // enough for a part's code to come from beyond L2 meanwhile
  const int64_t tile_bytes = round_up(p.c, loops.lanes) * loops.lanes * static_cast<int64_t>(sizeof(float)), most = std::min(kUsualTiles, l2_bytes() / 2 / tile_bytes);
  int64_t tiles = kTiles.front();
  for (const int64_t value : kTiles)
    if (value <= most) tiles = value;
  return {{"code", can_generate(loops) ? 1 : 0}, {"inputs", kUsualInputs}, {"tiles", tiles}};
}

KnobEffect effect(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  const int64_t chunk = equal_chunk(blocks_of(p.h * p.w, loops.lanes), knobs.at("tiles"));
  return {knobs.at("code"), knobs.at("code") ? (p.c + knobs.at("inputs") - 1) / knobs.at("inputs") : 1, chunk};
}

}  // namespace

extern const ConvImplementation k_conv_sparse24;
const ConvImplementation k_conv_sparse24{
    "sparse24", "1x1 with 2:4 sparse weights: the half of the products that is not zero", reason_against, knobs, usual, estimate,
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<Sparse24>(p, w, end, knobs, loops);
    },
    /*is_measured_only=*/false, effect};

}  // namespace scissionlite::kernels
