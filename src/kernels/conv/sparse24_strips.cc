// 1x1 with 2:4 sparse weights by loops over places. Loop nest: over groups of tiles { over pieces of inputs { transpose, into L1; over blocks of
// outputs { product } }; transpose the sums }. A weight is read once for all tiles of a group: 4.25 bytes a non-zero.
// The last pixels, where they are few, are rows of a product whose lanes are outputs (two_four_rows), and so is an image of few pixels.
#include "kernels/conv/sparse24.h"
#include "kernels/sparse24/strips.h"

namespace scissionlite::kernels {
namespace {

class Sparse24Strips final : public Convolution {
 public:
  Sparse24Strips(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const VectorLoops& loops)
      : images_(p.n),
        inputs_(p.c),
        end_(end),
        loops_(loops),
        x_(p.c, p.h * p.w, loops),
        y_(p.k, p.h * p.w, loops),
        layout_{p.k, p.c, loops.lanes},
        bias_(padded_bias(weights.bias, p.k, loops.lanes)) {
    const int64_t pixels = x_.pixels(), rest = pixels % loops.lanes;
    rows_ = rest <= kMostTwoFourRows ? rest : 0;
    tiles_ = blocks_of(pixels - rows_, loops.lanes);
    group_ = tiles_ > 0 ? equal_chunk(tiles_, loops.most_two_four_tiles) : 0;
    weights_ =
        weights.source.packed<float>("sparse24 strips l" + std::to_string(loops.lanes) + " " + p.weights_text(), layout_.floats(), [&](float* to) {
          pack_strips({weights.w, p.k, p.c, p.c, 1}, layout_, to);
        });
  }

  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(float)); }
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return std::max(threads, 1) * member_floats(); }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    in_team(threads, [&](const Member& member) {
      const auto units = units_of(share_of(images_ * units_of_image() * y_.blocks(), member));
      for (size_t i = 0; i < units.size(); ++i) {
        const auto& unit = units[i];
        const Images images{x + unit.n * x_.image_floats(), residual ? residual + unit.n * y_.image_floats() : nullptr,
                            y + unit.n * y_.image_floats(), scratch + member.rank * member_floats()};
        if (unit.tiles.begin == tiles_) run_rows(images, unit);
        else run_tiles(images, unit, i + 1 < units.size() ? &units[i + 1] : nullptr, x);
      }
    });
  }

 private:
  struct Images {
    const float *x, *residual;
    float *y, *scratch;
  };
  /// Tiles and blocks of outputs of an image; tiles from tiles_ on stand for rows.
  struct Unit {
    int64_t n = 0, piece = 0;
    Range tiles, blocks;
  };
  [[nodiscard]] int64_t units_of_image() const { return (group_ > 0 ? blocks_of(tiles_, group_) : 0) + (rows_ > 0 ? 1 : 0); }
  [[nodiscard]] int64_t pieces() const { return blocks_of(inputs_, kTwoFourPiece); }
  /// @param items  blocks of outputs of units of images.
  [[nodiscard]] std::vector<Unit> units_of(const Range& items) const {
    std::vector<Unit> units;
    for (int64_t item = items.begin; item < items.end;) {
      const int64_t at = item / y_.blocks(), first = at % units_of_image() * group_, begin = item % y_.blocks(),
                    end = std::min(y_.blocks(), begin + items.end - item);
      const bool is_of_rows = first >= tiles_;
      for (int64_t piece = 0; piece < (is_of_rows ? 1 : pieces()); ++piece)
        units.push_back({at / units_of_image(), piece, {std::min(tiles_, first), std::min(tiles_, first + group_)}, {begin, end}});
      item += end - begin;
    }
    return units;
  }

  [[nodiscard]] int64_t tile_floats() const { return loops_.lanes * loops_.lanes; }
  [[nodiscard]] int64_t tile_stride() const { return kTwoFourPiece * loops_.lanes; }
  [[nodiscard]] int64_t row_floats() const { return layout_.strips() * kStripInputs; }
  /// Tiles of a piece of the input and of sums, or rows of the input.
  [[nodiscard]] int64_t member_floats() const {
    return std::max(group_ * (tile_stride() + y_.blocks() * tile_floats()), round_up(rows_ * row_floats(), 16));
  }
  /// Blocks of inputs.
  [[nodiscard]] Range inputs_of(int64_t piece) const {
    return {piece * kTwoFourPiece / loops_.lanes, std::min(x_.blocks(), (piece + 1) * kTwoFourPiece / loops_.lanes)};
  }
  [[nodiscard]] int64_t strips_of(int64_t piece) const {
    return std::min(layout_.strips() - piece * kTwoFourPiece / kStripInputs, kTwoFourPiece / kStripInputs);
  }

  void transpose(const Images& images, const Unit& unit) const {
    const auto inputs = inputs_of(unit.piece);
    for (int64_t tile = unit.tiles.begin; tile < unit.tiles.end; ++tile) {
      float* const to = images.scratch + (tile - unit.tiles.begin) * tile_stride();
      for (int64_t block = inputs.begin; block < inputs.end; ++block)
        x_.transpose(images.x, block, tile, to + (block - inputs.begin) * tile_floats());
      std::fill(to + (inputs.end - inputs.begin) * tile_floats(), to + strips_of(unit.piece) * kStripInputs * loops_.lanes,
                0.F);  // what fills the last strip
    }
  }

  void run_tiles(const Images& images, const Unit& unit, const Unit* next, const float* x) const {
    transpose(images, unit);
    TwoFourTilesArguments a;
    a.x = images.scratch, a.tiles = static_cast<int>(unit.tiles.end - unit.tiles.begin), a.strips = strips_of(unit.piece), a.adds = unit.piece > 0;
    const float* w = weights_.data() + unit.piece * (kTwoFourPiece / kStripInputs) * layout_.strip_floats();
    const bool is_last = unit.piece + 1 == pieces();
    const int64_t blocks = unit.blocks.end - unit.blocks.begin;
    for (int64_t block = unit.blocks.begin; block < unit.blocks.end; ++block) {
      if (next) fetch(x + next->n * x_.image_floats(), *next, block - unit.blocks.begin, blocks);
      a.w = w + block * layout_.block_floats();
      a.next = block + 1 < y_.blocks() ? a.w + layout_.block_floats() : nullptr;
      a.sums = images.scratch + group_ * tile_stride() + block * group_ * tile_floats();
      loops_.two_four_tiles(a);
      for (int64_t tile = unit.tiles.begin; is_last && tile < unit.tiles.end; ++tile)
        finish(images, a.sums + (tile - unit.tiles.begin) * tile_floats(), block, tile);
    }
  }
  /// The share `number` of `count` of a unit's input.
  void fetch(const float* x, const Unit& unit, int64_t number, int64_t count) const {
    const auto inputs = inputs_of(unit.piece);
    const int64_t tiles = unit.tiles.end - unit.tiles.begin, all = tiles * (inputs.end - inputs.begin);
    for (int64_t i = all * number / count; i < all * (number + 1) / count; ++i) x_.fetch(x, inputs.begin + i / tiles, unit.tiles.begin + i % tiles);
  }

  void finish(const Images& images, const float* sums, int64_t block, int64_t tile) const {
    const int64_t at = y_.at(block, tile);
    TileEndArguments a;
    a.tile = sums;
    a.pixels = y_.pixels_of(tile);
    a.bias = bias_.size() > 0 ? bias_.data() + block * loops_.lanes : nullptr;
    a.residual = images.residual ? images.residual + at : nullptr;
    a.y = images.y + at;
    a.activation = end_.activation;
    loops_.tile_to_block(a);
  }

  void run_rows(const Images& images, const Unit& unit) const {
    const int64_t lanes = loops_.lanes, first = x_.pixels() - rows_;
    std::fill_n(images.scratch, rows_ * row_floats(), 0.F);
    for (int64_t row = 0; row < rows_; ++row)
      for (int64_t block = 0; block < x_.blocks(); ++block)
        std::copy_n(images.x + (block * x_.pixels() + first + row) * lanes, std::min(lanes, inputs_ - block * lanes),
                    images.scratch + row * row_floats() + block * lanes);
    TwoFourRowsArguments a;
    a.x = images.scratch, a.x_row = row_floats(), a.rows = static_cast<int>(rows_), a.strips = layout_.strips(), a.y_row = lanes;
    if (!images.residual) a.activation = end_.activation;
    for (int64_t block = unit.blocks.begin; block < unit.blocks.end; ++block) {
      const int64_t at = (block * y_.pixels() + first) * lanes;
      a.w = weights_.data() + block * layout_.block_floats();
      a.bias = bias_.size() > 0 ? bias_.data() + block * lanes : nullptr;
      a.y = images.y + at;
      loops_.two_four_rows(a);
      if (!images.residual) continue;
      for (int64_t i = 0; i < rows_ * lanes; ++i) a.y[i] += images.residual[at + i];
      loops_.activate(a.y, a.y, rows_ * lanes, end_.activation);
    }
  }

  int64_t images_, inputs_;
  ConvEnd end_;
  const VectorLoops& loops_;
  PixelTiles x_, y_;
  StripLayout layout_;
  int64_t tiles_ = 0, group_ = 0, rows_ = 0;  // tiles; tiles of a group; pixels behind them
  AlignedFloats bias_;
  Packed<float> weights_;  // strips
};

}  // namespace

std::unique_ptr<Convolution> make_sparse24_strips(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const VectorLoops& loops) {
  return std::make_unique<Sparse24Strips>(p, weights, end, loops);
}

}  // namespace scissionlite::kernels
