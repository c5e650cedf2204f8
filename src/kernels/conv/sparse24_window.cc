// Convolutions with 2:4 sparse weights whose kernel is wider than a pixel or that have strides: half of the multiply-adds, by code that is generated
// for the weights (ProductCode). A group is four channels at one tap, as ASP makes them. Loop nest: over images and bands of their rows { bring the
// band into planes (PhasePlanes), where a tap's inputs of 16 neighbouring outputs are one load;
//   over blocks of outputs { over chunks of tiles { over pieces of the inputs { over tiles { product } } } } }.
// The code of a part stays in L1 over a chunk, a block's code in L2 over a band, and it is read from beyond that once a band. Sums of pieces wait in
// memory.
#include "kernels/conv/panels.h"
#include "kernels/conv/phase_planes.h"
#include "kernels/conv/sparse24.h"
#include "kernels/conv/sparse24_ends.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kLanes = ProductCode::kLanes, kTileFloats = kLanes * kLanes;

TwoFourLayout layout_of(const ConvProblem& p) { return {p.k, p.c, p.kernel_h * p.kernel_w}; }

/// All taps of four channels, then of the next: so the rows that a piece reads are few.
ProductOrder order_of(const ConvProblem& p, const PhaseLayout& planes, int64_t piece_groups, int64_t tiles_in_row) {
  const auto layout = layout_of(p);
  ProductOrder order{.groups = {}, .piece_groups = piece_groups, .tiles_in_row = tiles_in_row, .is_block_by_block = true};
  for (int64_t channels = 0; channels < layout.tap_groups(); ++channels)
    for (int64_t tap = 0; tap < layout.taps; ++tap) {
      GroupInputs group{tap * layout.tap_groups() + channels, {}};
      for (int64_t place = 0; place < kTwoFourGroup; ++place)
        group.at[static_cast<size_t>(place)] =
            (channels * kTwoFourGroup + place) * planes.channel_floats() + planes.tap_at(tap / p.kernel_w, tap % p.kernel_w);
      order.groups.push_back(group);
    }
  return order;
}

class Sparse24Window final : public Convolution {
 public:
  Sparse24Window(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops)
      : problem_(p),
        end_(end),
        loops_(loops),
        planes_(p, knobs.at("rows")),
        chunk_(equal_chunk(planes_.tiles(0), knobs.at("tiles"))),
        bias_(padded_bias(weights.bias, p.k, kLanes)) {
    const auto layout = layout_of(p);
    packed_ = weights.source.packed<std::byte>("sparse24 " + p.weights_text(), layout.bytes(),
                                               [&](std::byte* to) { pack_two_four(conv_view(weights.w, p.k, p.c, layout.taps), to); });
    code_ = std::make_unique<const ProductCode>(layout, packed_.data(), bias_.size() > 0 ? bias_.data() : nullptr,
                                                order_of(p, planes_, equal_chunk(layout.groups(), knobs.at("groups")), chunk_), product_end(end));
    find_runs();
  }

  [[nodiscard]] int64_t packed_bytes() const override { return packed_.size() + code_->bytes(); }
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return planes_.floats() + std::max(threads, 1) * member_floats(); }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const auto& p = problem_;
    const int64_t x_image = blocks_of(p.c, kLanes) * p.h * p.w * kLanes, y_image = blocks_of(p.k, kLanes) * block_floats();
    in_team(threads, [&](const Member& member) {
      float* const planes = scratch;
      float* const own = scratch + planes_.floats() + member.rank * member_floats();
      for (int64_t i = 0; i < p.n * planes_.bands(); ++i) {
        const int64_t n = i / planes_.bands(), band = i % planes_.bands();
        if (i > 0) member.barrier();  // the planes of the band before are read
        planes_.fill(x + n * x_image, band, share_of(planes_.items(), member), loops_, planes);
        member.barrier();
        run_band(planes, {y + n * y_image, residual ? residual + n * y_image : nullptr}, own, band,
                 share_of(blocks_of(p.k, kLanes) * chunks(band), member));
      }
    });
  }

 private:
  [[nodiscard]] int64_t block_floats() const { return problem_.out_h() * problem_.out_w() * kLanes; }
  [[nodiscard]] int64_t chunks(int64_t band) const { return blocks_of(planes_.tiles(band), chunk_); }
  /// Sums of a chunk, two tiles of them at least, in turn where there is one piece.
  [[nodiscard]] int64_t sum_tiles() const { return code_->pieces() > 1 ? chunk_ : 2; }
  [[nodiscard]] int64_t member_floats() const { return TileEnds::kFloats + sum_tiles() * kTileFloats; }

  void find_runs() {
    for (int64_t band = 0; band < planes_.bands(); ++band) {
      first_tile_.push_back(static_cast<int64_t>(runs_at_.size()));
      for (int64_t tile = 0; tile < planes_.tiles(band); ++tile) runs_at_.push_back(static_cast<int64_t>(runs_.size())), find_runs(band, tile);
    }
    runs_at_.push_back(static_cast<int64_t>(runs_.size()));
  }
  void find_runs(int64_t band, int64_t tile) {
    const int64_t width = problem_.out_w(), rows = planes_.rows(band);
    for (int64_t place = 0; place < kLanes;) {
      const int64_t position = tile * kLanes + place, row = position / planes_.pitch(), column = position % planes_.pitch();
      const int64_t count = std::min(kLanes - place, column < width ? width - column : planes_.pitch() - column);
      if (column < width && row < rows) add_run({place, count, (planes_.first_row(band) + row) * width + column});
      place += count;
    }
  }
  /// Rows that follow each other without a gap are one.
  void add_run(const OutputRun& run) {
    if (static_cast<int64_t>(runs_.size()) > runs_at_.back()) {
      auto& last = runs_.back();
      if (last.place + last.count == run.place && last.pixel + last.count == run.pixel) return void(last.count += run.count);
    }
    runs_.push_back(run);
  }
  [[nodiscard]] std::span<const OutputRun> runs_of(int64_t band, int64_t tile) const {
    const auto at = static_cast<size_t>(first_tile_[static_cast<size_t>(band)] + tile), first = static_cast<size_t>(runs_at_[at]),
               end = static_cast<size_t>(runs_at_[at + 1]);
    return std::span(runs_).subspan(first, end - first);
  }

  /// @param items  chunks of blocks of outputs.
  void run_band(const float* planes, const TileEnds::Block& image, float* own, int64_t band, Range items) const {
    TileEnds ends(*code_, end_, loops_, own);
    for (int64_t item = items.begin; item < items.end; ++item) {
      const int64_t block = item / chunks(band), first = item % chunks(band) * chunk_, at = block * block_floats();
      const Chunk chunk{
          block, band, {first, std::min(planes_.tiles(band), first + chunk_)}, {image.y + at, image.residual ? image.residual + at : nullptr}};
      run_chunk(planes, chunk, own + TileEnds::kFloats, ends);
      ends.finish();
    }
  }
  struct Chunk {
    int64_t block, band;
    Range tiles;
    TileEnds::Block output;
  };
  void run_chunk(const float* planes, const Chunk& chunk, float* sums, TileEnds& ends) const {
    for (int64_t piece = 0; piece < code_->pieces(); ++piece)
      for (int64_t tile = chunk.tiles.begin; tile < chunk.tiles.end; ++tile) {
        const int64_t number = tile - chunk.tiles.begin;
        float* const to = sums + number % sum_tiles() * kTileFloats;
        code_->run(chunk.block, piece, {planes + tile * kLanes, to, number}, ends.before());
        if (piece + 1 == code_->pieces()) ends.next(to, chunk.output, runs_of(chunk.band, tile));
      }
  }

  ConvProblem problem_;
  ConvEnd end_;
  const VectorLoops& loops_;
  PhasePlanes planes_;
  int64_t chunk_;  // tiles
  AlignedFloats bias_;
  Packed<std::byte> packed_;
  std::unique_ptr<const ProductCode> code_;
  std::vector<OutputRun> runs_;
  std::vector<int64_t> runs_at_, first_tile_;  // of each tile of all bands, and the first one of each band
};

std::string reason_against(const ConvProblem& p, const VectorLoops& loops) {
  if (p.groups != 1) return "groups";
  if (p.keeps_pixels()) return "1x1 of stride 1 is what sparse24 takes";
  if (!p.is_two_four) return "weights are not 2:4 sparse";
  if (!can_generate_sparse24(loops)) return "its code needs AVX-512, on Linux";
  constexpr int64_t kMostFloats = (int64_t{1} << 31) / static_cast<int64_t>(sizeof(float));  // what an address in an instruction reaches
  return p.c * (p.h + p.top + p.bottom + p.stride_h * p.kernel_h) * (p.w + p.left + p.right + 2 * PhaseLayout::kTile) < kMostFloats
             ? ""
             : "more than 2 GiB of input";
}

const std::vector<int64_t> kGroups{24, 32, 48, 64, 96, 128}, kTiles{4, 8, 16, 32, 64}, kRows{4, 7, 8, 14, 16, 28, 56, 1024};

std::vector<KnobRange> knobs(const ConvProblem&, const VectorLoops&) { return {{"rows", kRows}, {"groups", kGroups}, {"tiles", kTiles}}; }

Knobs usual(const ConvProblem& p, const VectorLoops&) {
  constexpr int64_t kUsualGroups = 96, kUsualTiles = 16, kLeastTiles = 14;  // 25 KB of code; tiles that pay for reading it
  int64_t rows = kRows.front();
  for (const int64_t value : kRows) {
    const PhaseLayout planes(p, value);
    if (planes.tiles(0) < kLeastTiles || planes.floats() * static_cast<int64_t>(sizeof(float)) < l2_bytes() / 4) rows = value;
  }
  return {{"rows", rows}, {"groups", kUsualGroups}, {"tiles", kUsualTiles}};
}

KnobEffect effect(const ConvProblem& p, const VectorLoops&, const Knobs& knobs) {
  return {equal_chunk(p.out_h(), knobs.at("rows")), equal_chunk(layout_of(p).groups(), knobs.at("groups")),
          equal_chunk(PhaseLayout(p, knobs.at("rows")).tiles(0), knobs.at("tiles"))};
}

double estimate(const ConvProblem& p, const VectorLoops&, const Knobs& knobs) {
  constexpr double kProducts = 1.85, kFillCycles = 130, kPartCycles = 40, kOutputCycles = 60,
                   kCodeBytes = 11.5;  // a cycle; of 16 channels of 16 positions; of a tile; bytes a product
  const PhaseLayout planes(p, knobs.at("rows"));
  const auto layout = layout_of(p);
  const double blocks = static_cast<double>(blocks_of(p.k, kLanes)), bands = static_cast<double>(planes.bands()),
               tiles = static_cast<double>(planes.tiles(0)) * bands, weights = static_cast<double>(p.k * layout.groups() * kTwoFourKept),
               pieces = static_cast<double>(blocks_of(layout.groups(), knobs.at("groups")));
  return static_cast<double>(p.n) *
         (std::max(weights * tiles / kProducts, bands * weights * kCodeBytes / kBytesPerCycle) +
          bands * static_cast<double>(planes.items()) * kFillCycles + blocks * tiles * (pieces * kPartCycles + kOutputCycles));
}

}  // namespace

extern const ConvImplementation k_conv_sparse24_window;
const ConvImplementation k_conv_sparse24_window{
    "sparse24_window",
    "2:4 sparse weights, kernels wider than a pixel or strides: the half of the products that is not zero",
    reason_against,
    knobs,
    usual,
    estimate,
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<Sparse24Window>(p, w, end, knobs, loops);
    },
    /*is_measured_only=*/false,
    effect};

}  // namespace scissionlite::kernels
