#include "kernels/lowbit/tile_inputs.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kMostPositions = 288;     // of a strip: what unpacking serves at once; sums of a panel are 72 KiB
constexpr double kLeastShareOfStrip = 0.7;  // of what is computed that are outputs; below, windows cost less

int64_t channels_of(const ConvProblem& p) { return p.c / p.groups; }
int64_t pieces_of(int64_t whole, int64_t most) { return (whole + most - 1) / most; }
/// The size of pieces as even as can be, at most `most`.
int64_t even_piece(int64_t whole, int64_t most) { return pieces_of(whole, pieces_of(whole, most)); }

/// Each output pixel's window.
class Windows final : public TileInputs {
 public:
  using TileInputs::TileInputs;
  [[nodiscard]] int64_t blocks() const override { return pieces_of(pixels(), most_rows()); }
  [[nodiscard]] int64_t most_rows() const override { return TileRows::most_rows(inputs()); }
  [[nodiscard]] int64_t scratch_bytes() const override { return most_rows() * (4 + row_bytes()); }
  [[nodiscard]] TileCost cost() const override {
    return {.products = static_cast<double>(pieces_of(pixels(), kMostTileRows) * (row_bytes() / kTileInputs)),
            .unpackings = static_cast<double>(blocks()),
            .bytes = static_cast<double>(pixels() * row_bytes()),
            .pieces = static_cast<double>(pixels() * pieces_of_window()),
            .output_pixels = static_cast<double>(pixels())};
  }

  TileBlock lay_out(const uint8_t* x, int64_t group, int64_t block, const WeightPanels& panels, std::byte* scratch) const override {
    const int64_t first = block * most_rows(), count = std::min(most_rows(), pixels() - first);
    auto* const sums = reinterpret_cast<int32_t*>(scratch);
    auto* const rows = reinterpret_cast<uint8_t*>(sums + most_rows());
    for (int64_t i = 0; i < count; ++i) sums[i] = set_row(x, group, first + i, panels, rows + i * row_bytes());
    return {.x = {.at = rows, .row = row_bytes(), .sums = sums}, .count = count, .columns = count, .first_pixel = first};
  }

 private:
  [[nodiscard]] int64_t pixels() const { return problem_.conv.n * problem_.conv.out_h() * problem_.conv.out_w(); }
  [[nodiscard]] int64_t inputs() const { return channels_of(problem_.conv) * problem_.conv.kernel_h * problem_.conv.kernel_w; }
  [[nodiscard]] int64_t row_bytes() const { return TileRows::row_bytes_of(inputs()); }
  [[nodiscard]] int64_t pieces_of_window() const {
    const auto& p = problem_.conv;
    return p.kernel_h * (p.groups == 1 && p.dilation_w == 1 ? 1 : p.kernel_w);
  }

  /// @return the sum that WeightPanels wants.
  int32_t set_row(const uint8_t* x, int64_t group, int64_t pixel, const WeightPanels& panels, uint8_t* row) const {
    const auto& p = problem_.conv;
    if (p.is_pointwise()) return panels.set_row(x + pixel * p.c, row_bytes(), row);
    const int64_t top = pixel / p.out_w() % p.out_h() * p.stride_h - p.top, left = pixel % p.out_w() * p.stride_w - p.left,
                  taps = p.kernel_w * channels_of(p);
    const uint8_t* const image = x + pixel / (p.out_h() * p.out_w()) * p.h * p.w * p.c + group * channels_of(p);
    for (int64_t i = 0; i < p.kernel_h; ++i) copy_taps(image, top + i * p.dilation_h, left, row + i * taps);
    return panels.end_row(row, row_bytes());
  }

  /// A kernel row's, with x's zero point where it is outside of the image.
  void copy_taps(const uint8_t* image, int64_t h, int64_t left, uint8_t* to) const {
    const auto& p = problem_.conv;
    const int64_t channels = channels_of(p);
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
};

/// The image itself, `lines_` output rows of `columns_` pixels at a time.
class Strips final : public TileInputs {
 public:
  explicit Strips(const Int8Problem& problem) : TileInputs(problem) {
    const auto& p = problem_.conv;
    columns_ = even_piece(p.out_w(), kMostPositions - p.kernel_w + 1);
    lines_ = even_piece(p.out_h(), std::max<int64_t>(1, (kMostPositions + p.kernel_w - 1) / pitch()));
  }
  static bool is_possible(const Int8Problem& problem) {
    const auto& p = problem.conv;
    return p.groups == 1 && p.stride_h == 1 && p.stride_w == 1 && p.dilation_w == 1 && p.kernel_h * p.kernel_w > 1 &&
           p.kernel_w * p.c % kTileInputs == 0 && p.kernel_w < kMostPositions / 2;
  }

  [[nodiscard]] int64_t blocks() const override { return problem_.conv.n * row_blocks() * column_blocks(); }
  [[nodiscard]] int64_t most_rows() const override { return tile_rows(positions(lines_)); }
  [[nodiscard]] int64_t scratch_bytes() const override { return round_up(4 * (most_rows() + most_pixels()), 64) + most_pixels() * problem_.conv.c; }
  /// Of what is computed.
  [[nodiscard]] double share_of_outputs() const {
    const auto& p = problem_.conv;
    return static_cast<double>(p.out_h() * p.out_w()) / static_cast<double>(row_blocks() * column_blocks() * most_rows());
  }
  [[nodiscard]] TileCost cost() const override {
    const auto& p = problem_.conv;
    const auto all = static_cast<double>(blocks());
    return {.products = all * static_cast<double>(most_rows() / kMostTileRows * (p.kernel_h * p.kernel_w * p.c / kTileInputs)),
            .unpackings = all,
            .bytes = all * static_cast<double>(most_pixels() * p.c),
            .output_pixels = static_cast<double>(p.n * p.out_h() * p.out_w())};
  }

  TileBlock lay_out(const uint8_t* x, int64_t /*group*/, int64_t block, const WeightPanels& panels, std::byte* scratch) const override {
    const auto& p = problem_.conv;
    const int64_t column = block % column_blocks() * columns_, line = block / column_blocks() % row_blocks() * lines_,
                  image = block / column_blocks() / row_blocks(), lines = std::min(lines_, p.out_h() - line), count = positions(lines);
    auto* const sums = reinterpret_cast<int32_t*>(scratch);
    auto* const pixel_sums = sums + most_rows();
    auto* const strip = reinterpret_cast<uint8_t*>(scratch) + round_up(4 * (most_rows() + most_pixels()), 64);
    for (int64_t i = 0; i < lines + halo(); ++i)
      copy_line(x + image * p.h * p.w * p.c, line + i - p.top, column - p.left, panels, strip + i * pitch() * p.c, pixel_sums + i * pitch());
    sum_windows(pixel_sums, count, sums);
    return {.x = {.at = strip, .row = p.c, .run = p.kernel_w * p.c, .jump = p.dilation_h * pitch() * p.c, .sums = sums},
            .count = count,
            .rows = lines,
            .columns = std::min(columns_, p.out_w() - column),
            .pitch = pitch(),
            .first_pixel = (image * p.out_h() + line) * p.out_w() + column,
            .pixel_pitch = p.out_w()};
  }

 private:
  [[nodiscard]] static int64_t tile_rows(int64_t count) { return round_up(count, kMostTileRows); }
  [[nodiscard]] int64_t row_blocks() const { return pieces_of(problem_.conv.out_h(), lines_); }
  [[nodiscard]] int64_t column_blocks() const { return pieces_of(problem_.conv.out_w(), columns_); }
  [[nodiscard]] int64_t pitch() const { return columns_ + problem_.conv.kernel_w - 1; }
  [[nodiscard]] int64_t halo() const { return (problem_.conv.kernel_h - 1) * problem_.conv.dilation_h; }
  /// From the first output of a block to the last one.
  [[nodiscard]] int64_t positions(int64_t lines) const { return lines * pitch() - (problem_.conv.kernel_w - 1); }
  /// Of a strip, with what the rows that fill the last tile read.
  [[nodiscard]] int64_t most_pixels() const { return (lines_ + halo()) * pitch() + kMostTileRows; }

  void copy_line(const uint8_t* image, int64_t h, int64_t left, const WeightPanels& panels, uint8_t* to, int32_t* sums) const {
    const auto& p = problem_.conv;
    const bool is_inside = h >= 0 && h < p.h;
    const int64_t before = is_inside ? std::clamp<int64_t>(-left, 0, pitch()) : pitch(),
                  within = is_inside ? std::clamp<int64_t>(p.w - std::max<int64_t>(left, 0), 0, pitch() - before) : 0;
    pad(before, panels, to, sums);
    for (int64_t i = before; i < before + within; ++i) sums[i] = panels.turn(image + (h * p.w + left + i) * p.c, p.c, to + i * p.c);
    pad(pitch() - before - within, panels, to + (before + within) * p.c, sums + before + within);
  }
  void pad(int64_t pixels, const WeightPanels& panels, uint8_t* to, int32_t* sums) const {
    const auto value = static_cast<uint8_t>(static_cast<uint8_t>(problem_.x_zero) ^ panels.turned());
    std::fill_n(to, pixels * problem_.conv.c, value);
    std::fill_n(sums, pixels, static_cast<int32_t>(problem_.conv.c) * (static_cast<int8_t>(value) + 128));
  }

  void sum_windows(const int32_t* pixels, int64_t count, int32_t* sums) const {
    const auto& p = problem_.conv;
    std::fill_n(sums, count, 0);
    for (int64_t i = 0; i < p.kernel_h; ++i)
      for (int64_t j = 0; j < p.kernel_w; ++j) {
        const int32_t* const from = pixels + i * p.dilation_h * pitch() + j;
        for (int64_t k = 0; k < count; ++k) sums[k] += from[k];
      }
  }

  int64_t columns_ = 1, lines_ = 1;
};

}  // namespace

std::unique_ptr<TileInputs> make_tile_inputs(const Int8Problem& problem) {
  if (Strips::is_possible(problem))
    if (auto strips = std::make_unique<Strips>(problem); strips->share_of_outputs() >= kLeastShareOfStrip) return strips;
  return std::make_unique<Windows>(problem);
}

}  // namespace scissionlite::kernels
