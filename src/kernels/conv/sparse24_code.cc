// 1x1 with 2:4 sparse weights by code that is generated for them. Loop nests, of units that are a piece of the inputs for a chunk of tiles:
//   order 0  over blocks of outputs { over tiles { product } }, and the next unit is transposed meanwhile: the code of a part stays in L1;
//   order 1  over tiles { transpose; over blocks of outputs { product } }: the tile stays in L1, and all code of a piece where outputs are few.
// Sums of pieces but the last wait in memory; complete ones are transposed and stored while the next tile is computed.
#include "kernels/conv/sparse24.h"
#include "kernels/conv/sparse24_ends.h"

namespace scissionlite::kernels {
namespace {

class Sparse24Code final : public Convolution {
 public:
  Sparse24Code(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops)
      : images_(p.n),
        end_(end),
        loops_(loops),
        x_(p.c, p.h * p.w, loops),
        y_(p.k, p.h * p.w, loops),
        layout_{p.k, p.c},
        tiles_(blocks_of(p.h * p.w, kLanes)),
        chunk_(equal_chunk(tiles_, knobs.at("tiles"))),
        piece_blocks_(std::min(knobs.at("inputs") / kLanes, x_.blocks())),
        is_tile_by_tile_(knobs.at("order") == 1),
        bias_(padded_bias(weights.bias, p.k, kLanes)) {
    for (int64_t tile = 0; tile < tiles_; ++tile) runs_.push_back({0, y_.pixels_of(tile), tile * kLanes});
    packed_ = weights.source.packed<std::byte>("sparse24 " + p.weights_text(), layout_.bytes(), [&](std::byte* to) {
      pack_two_four({weights.w, p.k, p.c, p.c, 1}, to);
    });
    code_ = std::make_unique<const ProductCode>(layout_, packed_.data(), bias_.size() > 0 ? bias_.data() : nullptr,
                                                order_of_rows(layout_, piece_blocks_ * kLanes / kTwoFourGroup, is_tile_by_tile_ ? 0 : chunk_),
                                                product_end(end));
  }

  [[nodiscard]] int64_t packed_bytes() const override { return packed_.size() + code_->bytes(); }
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return std::max(threads, 1) * member_floats(); }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    in_team(threads, [&](const Member& member) {
      const auto units = units_of(share_of(images_ * chunks() * y_.blocks(), member));
      float* const inputs[] = {scratch + member.rank * member_floats(), scratch + member.rank * member_floats() + unit_floats()};
      float* const kept = inputs[1] + unit_floats();
      Sums sums{{kept, kept + kTileFloats}, kept + 2 * kTileFloats + TileEnds::kFloats, {*code_, end_, loops_, kept + 2 * kTileFloats}};
      for (size_t i = 0; i < units.size(); ++i) {
        const auto& unit = units[i];
        const Images images{inputs[i % 2], residual ? residual + unit.n * y_.image_floats() : nullptr, y + unit.n * y_.image_floats()};
        if (is_tile_by_tile_) {
          run_tile_by_tile(images, sums, unit, x + unit.n * x_.image_floats(), inputs[i % 2]);
        } else {
          if (i == 0) (void)transpose({x + unit.n * x_.image_floats(), unit.tiles, unit.inputs, inputs[0]}, 0, count_of(unit));
          Transposition next;
          if (i + 1 < units.size()) next = {x + units[i + 1].n * x_.image_floats(), units[i + 1].tiles, units[i + 1].inputs, inputs[(i + 1) % 2]};
          run_part_by_part(images, sums, unit, next);
        }
        if (unit.piece + 1 == code_->pieces()) sums.ends.finish();
      }
    });
  }

 private:
  static constexpr int64_t kLanes = ProductCode::kLanes, kTileFloats = kLanes * kLanes;

  /// What is computed of one part of the input.
  struct Unit {
    int64_t n = 0, piece = 0;
    Range tiles, blocks, inputs;  // blocks of outputs and of inputs
  };
  static int64_t count_of(const Unit& unit) { return (unit.tiles.end - unit.tiles.begin) * (unit.inputs.end - unit.inputs.begin); }
  [[nodiscard]] int64_t chunks() const { return blocks_of(tiles_, chunk_); }
  /// @param items  blocks of outputs of chunks of images.
  [[nodiscard]] std::vector<Unit> units_of(const Range& items) const {
    std::vector<Unit> units;
    for (int64_t item = items.begin; item < items.end;) {
      const int64_t at = item / y_.blocks(), chunk = at % chunks(), first = item % y_.blocks(), end = std::min(y_.blocks(), first + items.end - item);
      for (int64_t piece = 0; piece < code_->pieces(); ++piece)
        units.push_back({at / chunks(),
                         piece,
                         {chunk * chunk_, std::min(tiles_, (chunk + 1) * chunk_)},
                         {first, end},
                         {piece * piece_blocks_, std::min(x_.blocks(), (piece + 1) * piece_blocks_)}});
      item += end - first;
    }
    return units;
  }

  [[nodiscard]] int64_t unit_floats() const { return (is_tile_by_tile_ ? 1 : chunk_) * piece_blocks_ * kTileFloats; }
  [[nodiscard]] int64_t member_floats() const {
    return 2 * unit_floats() + TileEnds::kFloats + (2 + (code_->pieces() > 1 ? chunk_ * y_.blocks() : 0)) * kTileFloats;
  }

  /// To (tiles, channels, lanes of pixels).
  struct Transposition {
    const float* x = nullptr;  // null: nothing
    Range tiles, inputs;
    float* to = nullptr;
    [[nodiscard]] int64_t count() const { return x ? (tiles.end - tiles.begin) * (inputs.end - inputs.begin) : 0; }
    /// Block and tile of one of them.
    [[nodiscard]] std::pair<int64_t, int64_t> at(int64_t i) const { return {i / (tiles.end - tiles.begin), i % (tiles.end - tiles.begin)}; }
  };
  /// Of its blocks of tiles those from `begin` to `end`. @return end
  int64_t transpose(const Transposition& t, int64_t begin, int64_t end) const {
    for (int64_t i = begin; i < end; ++i) {
      const auto [block, tile] = t.at(i);
      x_.transpose(t.x, t.inputs.begin + block, t.tiles.begin + tile, t.to + (tile * (t.inputs.end - t.inputs.begin) + block) * kTileFloats);
    }
    return end;
  }

  struct Sums {
    float *turns[2], *of_tiles;  // two in turn where there is one piece, (blocks, chunk) where there are pieces
    TileEnds ends;
    int64_t turn = 0;
  };
  struct Images {
    const float *tiles, *residual;
    float* y;
  };

  void run_part(const Images& images, Sums& sums, const Unit& unit, int64_t block, int64_t tile, const float* x) const {
    const int64_t at = y_.at(block, 0), number = tile - unit.tiles.begin;
    float* const to = code_->pieces() > 1 ? sums.of_tiles + (block * chunk_ + number) * kTileFloats : sums.turns[sums.turn++ % 2];
    code_->run(block, unit.piece, {x, to, is_tile_by_tile_ ? 0 : number}, sums.ends.before());
    if (unit.piece + 1 == code_->pieces())
      sums.ends.next(to, {images.y + at, images.residual ? images.residual + at : nullptr}, std::span(runs_).subspan(static_cast<size_t>(tile), 1));
  }

  void run_tile_by_tile(const Images& images, Sums& sums, const Unit& unit, const float* x, float* to) const {
    const int64_t blocks = unit.blocks.end - unit.blocks.begin;
    for (int64_t tile = unit.tiles.begin; tile < unit.tiles.end; ++tile) {
      const Transposition now{x, {tile, tile + 1}, unit.inputs, to};
      (void)transpose(now, 0, now.count());
      const int64_t soon = std::min(tile + 1, unit.tiles.end - 1);
      for (int64_t i = 0; i < blocks; ++i) {
        for (int64_t input = now.count() * i / blocks; input < now.count() * (i + 1) / blocks; ++input) x_.fetch(x, unit.inputs.begin + input, soon);
        run_part(images, sums, unit, unit.blocks.begin + i, tile, to);
      }
    }
  }

  void run_part_by_part(const Images& images, Sums& sums, const Unit& unit, const Transposition& next) const {
    const int64_t count = unit.tiles.end - unit.tiles.begin, parts = count * (unit.blocks.end - unit.blocks.begin),
                  tile_floats = (unit.inputs.end - unit.inputs.begin) * kTileFloats;
    int64_t done = 0, transposed = 0;
    for (int64_t block = unit.blocks.begin; block < unit.blocks.end; ++block)
      for (int64_t number = 0; number < count; ++number, ++done) {
        transposed = transpose(next, transposed, next.count() * done / parts);
        for (int64_t i = transposed; i < next.count() * (done + 1) / parts; ++i)
          x_.fetch(next.x, next.inputs.begin + next.at(i).first, next.tiles.begin + next.at(i).second);
        run_part(images, sums, unit, block, unit.tiles.begin + number, images.tiles + number * tile_floats);
      }
    (void)transpose(next, transposed, next.count());
  }

  int64_t images_;
  ConvEnd end_;
  const VectorLoops& loops_;
  PixelTiles x_, y_;
  TwoFourLayout layout_;
  int64_t tiles_, chunk_;  // of an image; tiles of a chunk
  int64_t piece_blocks_;   // of inputs
  bool is_tile_by_tile_;
  std::vector<OutputRun> runs_;  // one a tile
  AlignedFloats bias_;
  Packed<std::byte> packed_;
  std::unique_ptr<const ProductCode> code_;
};

}  // namespace

bool can_generate_sparse24(const VectorLoops& loops) { return assembles_for_this_cpu() && loops.lanes == ProductCode::kLanes; }

std::unique_ptr<Convolution> make_sparse24_code(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs,
                                                const VectorLoops& loops) {
  return std::make_unique<Sparse24Code>(p, weights, end, knobs, loops);
}

}  // namespace scissionlite::kernels
