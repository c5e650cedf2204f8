// Any convolution of bytes whose weights have few bits, by tables of sums (arguments.h). With u = (w - least weight) / step, planes of bits, and x less its least
// code, the sum over a window is step * (sum of u * x) + least weight * (sum of x) - zero * (sum of w), so that every encoding of weights and every zero point is one case.
//
// Tables of a row of input pixels are made once, and kept in a ring as long as a kernel reaches them. They lie in blocks of channels, so that those of a tile of
// pixels stay in L1 while all outputs are looked up in them.
#include <algorithm>
#include <bit>
#include <cstdlib>

#include "kernels/conv/panels.h"
#include "kernels/int8/buffer.h"
#include "kernels/int8/band.h"
#include "kernels/lowbit/loops.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kTileBytes = 28 << 10;   // of tables that a tile of pixels reads, beside codes
constexpr int64_t kMostColumns = 64;       // output pixels of a row at a time
constexpr int64_t kMostOfSum = 65535;      // see LookUpArguments
constexpr int64_t kPlaneSlack = 8;         // bytes read past a plane

int bits_for(int64_t most) { return std::max(1, static_cast<int>(std::bit_width(static_cast<uint64_t>(most)))); }

/// Codes as the tables see them: unsigned, from 0 on.
struct FewBits {
  uint8_t turned = 0;  // bits of a byte that are turned first: signed bytes become unsigned
  uint8_t least = 0;
  int bits = 1;
  int32_t zero = 0;    // what stands for 0
};
FewBits few_bits_of(const Int8Problem& problem) {
  const int32_t offset = problem.is_x_signed ? 128 : 0;
  const int32_t least = std::min(problem.least_x(), problem.x_zero), most = std::max(problem.most_x(), problem.x_zero);
  return {static_cast<uint8_t>(offset), static_cast<uint8_t>(least + offset), bits_for(most - least), problem.x_zero - least};
}

class LookUp final : public Int8Convolution {
 public:
  LookUp(const Int8Problem& problem, const Int8Weights& weights, const LowBitLoops& loops) : problem_(in_one_row(problem)), x_(few_bits_of(problem)), loops_(loops) {
    const auto& p = problem_.conv;
    w_bits_ = problem_.weight_bits();
    parts_ = (x_.bits + kPartBits - 1) / kPartBits;
    group_channels_ = p.c / p.groups, group_outputs_ = p.k / p.groups;
    vectors_ = (group_outputs_ + loops.outputs - 1) / loops.outputs;
    plane_bytes_ = (p.c + 7) / 8;
    set_columns();
    set_blocks();
    set_rows();
    pack(weights);
  }

  [[nodiscard]] int64_t scratch_bytes(int threads) const override { return threads * thread_bytes_; }

  void run(const uint8_t* x, uint8_t* y, std::byte* scratch, int threads) const override {
    const auto& p = problem_.conv;
    const int64_t rows = p.n * column_blocks_ * p.out_h();
    in_team(threads, [&](const Member& member) {
      const Range mine = share_of(rows, member);
      Work work(*this, scratch + member.rank * thread_bytes_);
      for (int64_t task = mine.begin; task < mine.end; ++task) run_row(x, y, task / p.out_h(), task % p.out_h(), work);
    });
  }

 private:
  /// Tables of neighbouring channels, and which of each conv group read them.
  struct Block {
    int64_t first = 0, count = 0;
  };
  struct Segment {       // a conv group's part of a block
    size_t block = 0;
    int64_t first = 0, steps = 0;  // tables, from the block's first
    bool is_joined = false;        // the taps of a kernel row are one run
    int64_t codes = 0;             // where those of plane 0 begin; the other planes' follow
    int64_t codes_vector = 0;      // of one vector of outputs
  };
  struct Work {
    uint8_t* tables;   // (slots, parts, blocks, pixels, count, entries)
    int32_t* x_sums;   // (slots, pixels, groups)
    uint8_t* planes;   // (pixels, bits, plane_bytes)
    uint8_t* words;    // (vectors, columns, 2 * outputs)
    int32_t* sums;     // (vectors, columns, outputs)
    int32_t* windows;  // (columns)
    std::vector<int64_t> row_of;  // by slot, what is in it: input row and block of columns; -1: nothing
    std::vector<int64_t> runs_at;
    Work(const LookUp& of, std::byte* scratch) : row_of(static_cast<size_t>(of.slots_), -1), runs_at(static_cast<size_t>(of.problem_.conv.kernel_h * of.problem_.conv.kernel_w)) {
      auto* at = reinterpret_cast<uint8_t*>(scratch);
      tables = at, at += of.slots_ * of.slot_bytes_;
      x_sums = reinterpret_cast<int32_t*>(at), at += round_up(of.slots_ * of.pixels_ * of.problem_.conv.groups * 4, 64);
      planes = at, at += of.planes_size();
      words = at, at += of.sums_size() / 2;
      sums = reinterpret_cast<int32_t*>(at), at += of.sums_size();
      windows = reinterpret_cast<int32_t*>(at);
    }
  };

  /// A 1x1 convolution's image is one row.
  static Int8Problem in_one_row(Int8Problem problem) {
    auto& p = problem.conv;
    if (p.keeps_pixels()) p.w = p.n * p.h * p.w, p.n = p.h = 1;
    return problem;
  }

  [[nodiscard]] int64_t planes_size() const { return round_up(pixels_ * x_.bits * plane_bytes_ + kPlaneSlack, 64); }
  [[nodiscard]] int64_t sums_size() const { return vectors_ * columns_ * loops_.outputs * 4; }
  /// Input pixels from one output pixel's window to the next: of a kernel of one column only those it reads have tables.
  [[nodiscard]] int64_t pixel_step() const { return problem_.conv.kernel_w == 1 ? 1 : problem_.conv.stride_w; }
  [[nodiscard]] int64_t pixels_of(int64_t columns) const { return (columns - 1) * pixel_step() + (problem_.conv.kernel_w - 1) * problem_.conv.dilation_w + 1; }

  /// As many output pixels of a row as leave all their tables and sums in L2. Fewer, whose tables all stay in L1, were no faster.
  void set_columns() {
    const auto& p = problem_.conv;
    tables_ = (p.c + loops_.group - 1) / loops_.group;
    const auto bytes = [&](int64_t columns) { return pixels_of(columns) * tables_ * parts_ * loops_.entries * p.kernel_h + vectors_ * loops_.outputs * 4 * columns; };
    columns_ = std::min(p.out_w(), kMostColumns);
    while (columns_ > loops_.pixels && bytes(columns_) > l2_bytes() / 2) columns_ = std::max<int64_t>(columns_ - loops_.pixels, loops_.pixels);
    column_blocks_ = (p.out_w() + columns_ - 1) / columns_;
    columns_ = (p.out_w() + column_blocks_ - 1) / column_blocks_;
    pixels_ = pixels_of(columns_);
  }

  void set_blocks() {
    const auto& p = problem_.conv;
    const int64_t tile = pixels_of(std::min<int64_t>(loops_.pixels, columns_)) * p.kernel_h * loops_.entries, most_code = (1 << std::min(x_.bits, kPartBits)) - 1;
    const int64_t of_tile = kTileBytes / tile, of_sum = kMostOfSum / (most_code * loops_.group * p.kernel_h * p.kernel_w), unit = loops_.tables_at_once;
    const int64_t most = std::max(unit, std::min(of_tile, of_sum) / unit * unit), count = (tables_ + most - 1) / most;
    const int64_t each = round_up((tables_ + count - 1) / count, unit);
    for (int64_t first = 0; first < tables_; first += each) blocks_.push_back({first, std::min(each, tables_ - first)});
  }

  void set_rows() {
    const auto& p = problem_.conv;
    slots_ = (p.kernel_h - 1) * p.dilation_h + 1;
    slot_bytes_ = parts_ * tables_ * pixels_ * loops_.entries;
    thread_bytes_ = slots_ * slot_bytes_ + round_up(slots_ * pixels_ * p.groups * 4, 64) + planes_size() + sums_size() / 2 + sums_size() + round_up(columns_ * 4, 64);
  }
  /// Where a part's block begins in a slot; pixels of a block lie block.count * entries apart.
  [[nodiscard]] int64_t block_at(int64_t part, const Block& block) const { return (part * tables_ + block.first) * pixels_ * loops_.entries; }

  void pack(const Int8Weights& weights) {
    const auto& p = problem_.conv;
    const int64_t padded = vectors_ * loops_.outputs, taps = p.kernel_h * p.kernel_w;
    bias_ = Buffer<int32_t>(p.groups * padded);
    scale_ = Buffer<float>(p.groups * padded);
    int64_t size = 0;
    for (int64_t g = 0; g < p.groups; ++g) {
      const int64_t first = g * group_channels_ / loops_.group, end = ((g + 1) * group_channels_ - 1) / loops_.group + 1;
      for (size_t b = 0; b < blocks_.size(); ++b) {
        const int64_t from = std::max(first, blocks_[b].first), to = std::min(end, blocks_[b].first + blocks_[b].count);
        if (from >= to) continue;
        Segment s{b, from - blocks_[b].first, to - from, to - from == blocks_[b].count && p.dilation_w == 1, size, taps * (to - from) * loops_.outputs};
        size += s.codes_vector * vectors_ * w_bits_;
        segments_.push_back(s);
      }
      segments_end_.push_back(segments_.size());
    }
    codes_ = Buffer<uint8_t>(size);
    std::vector<uint8_t> u_of;  // by w less the least
    for (int32_t w = problem_.w_least; w <= problem_.w_most; ++w) u_of.push_back(static_cast<uint8_t>((w - problem_.w_least) / problem_.w_step));
    for (int64_t k = 0; k < p.k; ++k) pack_output(k, weights, u_of);
  }

  void pack_output(int64_t k, const Int8Weights& weights, const std::vector<uint8_t>& u_of) {
    const auto& p = problem_.conv;
    const int64_t g = k / group_outputs_, o = k % group_outputs_, taps = p.kernel_h * p.kernel_w, lanes = loops_.outputs, place = place_of_output(o % lanes, lanes), first_channel = g * group_channels_;
    uint32_t bias = weights.bias ? static_cast<uint32_t>(weights.bias[k]) : 0;  // sums wrap
    for (size_t i = g == 0 ? 0 : segments_end_[static_cast<size_t>(g - 1)]; i < segments_end_[static_cast<size_t>(g)]; ++i) {
      const auto& s = segments_[i];
      const int64_t first = (blocks_[s.block].first + s.first) * loops_.group - first_channel;  // the group's channel of the segment's first table; it may lie before the group
      for (int64_t step = 0; step < s.steps; ++step) {
        const int64_t from = first + step * loops_.group;
        for (int64_t c = std::max<int64_t>(from, 0); c < std::min(from + loops_.group, group_channels_); ++c)
          for (int64_t tap = 0; tap < taps; ++tap) {
            const int32_t w = weights.w[(k * group_channels_ + c) * taps + tap];
            bias -= static_cast<uint32_t>(x_.zero * w);
            const uint32_t u = u_of[static_cast<size_t>(w - problem_.w_least)];
            for (int plane = 0; plane < w_bits_; ++plane) {
              uint8_t* const codes = codes_.data() + s.codes + (plane * vectors_ + o / lanes) * s.codes_vector;
              codes[(tap * s.steps + step) * lanes + place] |= static_cast<uint8_t>((u >> plane & 1) << (c - from));
            }
          }
      }
    }
    bias_[g * vectors_ * lanes + o] = static_cast<int32_t>(bias);
    scale_[g * vectors_ * lanes + o] = weights.scale[k];
  }

  /// Tables of input row `row` for a block of columns, in its slot of the ring; `row` may lie outside the image.
  void make_row(const uint8_t* x, int64_t columns_block, int64_t row, Work& work) const {
    const auto& p = problem_.conv;
    const int64_t slot = row % slots_, tag = columns_block * (p.h + p.top + p.bottom) + row;  // row counts from the upper pad
    if (work.row_of[static_cast<size_t>(slot)] == tag) return;
    work.row_of[static_cast<size_t>(slot)] = tag;
    const int64_t image = columns_block / column_blocks_, h = row - p.top;
    int32_t* const x_sums = work.x_sums + slot * pixels_ * p.groups;
    const int64_t bytes = x_.bits * plane_bytes_, step = p.kernel_w == 1 ? p.stride_w : 1, first = columns_block % column_blocks_ * columns_ * p.stride_w - p.left;
    // [from, to) of the pixels lie in the image
    const auto within = [&](int64_t w) { return std::clamp<int64_t>(w <= 0 ? 0 : (w + step - 1) / step, 0, pixels_); };
    const int64_t from = h < 0 || h >= p.h ? pixels_ : within(-first), to = h < 0 || h >= p.h ? pixels_ : std::max(from, within(p.w - first));
    const auto* const of_row = x + ((image * p.h + h) * p.w + first) * (problem_.has_x_planes ? bytes : p.c);
    pad_planes(work.planes, 0, from);
    if (!problem_.has_x_planes)
      loops_.pack_planes({.x = of_row + from * step * p.c, .x_pixel = step * p.c, .pixels = to - from, .channels = p.c, .turned = x_.turned, .least = x_.least, .bits = x_.bits, .planes = work.planes + from * bytes,
                          .planes_pixel = bytes, .plane_bytes = plane_bytes_});
    else
      for (int64_t i = from; i < to; ++i) std::copy_n(of_row + i * step * bytes, bytes, work.planes + i * bytes);
    pad_planes(work.planes, to, pixels_);
    const bool sums_all = problem_.w_least != 0 && p.groups == 1;
    std::fill_n(x_sums, pixels_ * p.groups, 0);
    for (int64_t part = 0; part < parts_; ++part)
      for (const auto& block : blocks_)
        loops_.make_tables({.planes = work.planes + part * kPartBits * plane_bytes_, .planes_pixel = bytes, .plane_bytes = plane_bytes_, .bits = std::min(x_.bits - static_cast<int>(part) * kPartBits, kPartBits),
                            .pixels = pixels_, .channels = p.c, .first = block.first, .count = block.count, .tables = work.tables + slot * slot_bytes_ + block_at(part, block),
                            .tables_pixel = block.count * loops_.entries, .sums = sums_all ? x_sums : nullptr, .shift = static_cast<int>(part) * kPartBits});
    if (problem_.w_least != 0 && p.groups > 1) sum_groups(work.planes, x_sums);
  }
  /// Pixels outside the image stand for 0.
  void pad_planes(uint8_t* planes, int64_t from, int64_t to) const {
    const int64_t bytes = x_.bits * plane_bytes_, channels = problem_.conv.c;
    for (int64_t i = from; i < to; ++i)
      for (int s = 0; s < x_.bits; ++s) {
        auto* const plane = planes + i * bytes + s * plane_bytes_;
        const bool is_set = (x_.zero >> s & 1) != 0;
        std::fill_n(plane, plane_bytes_, is_set ? uint8_t{0xFF} : uint8_t{0});
        if (is_set && channels % 8 != 0) plane[plane_bytes_ - 1] = static_cast<uint8_t>((1 << (channels % 8)) - 1);
      }
  }
  /// Of each conv group, channel by channel.
  void sum_groups(const uint8_t* planes, int32_t* x_sums) const {
    const auto& p = problem_.conv;
    for (int64_t i = 0; i < pixels_; ++i)
      for (int64_t c = 0; c < p.c; ++c)
        for (int s = 0; s < x_.bits; ++s) x_sums[i * p.groups + c / group_channels_] += (planes[(i * x_.bits + s) * plane_bytes_ + c / 8] >> (c % 8) & 1) << s;
  }

  void run_row(const uint8_t* x, uint8_t* y, int64_t columns_block, int64_t out_row, Work& work) const {
    const auto& p = problem_.conv;
    const int64_t image = columns_block / column_blocks_, first = columns_block % column_blocks_ * columns_, columns = std::min(columns_, p.out_w() - first);
    const int64_t y_plane = (p.k + 7) / 8, y_pixel = problem_.y_plane_bits > 0 ? problem_.y_plane_bits * y_plane : p.k;
    for (int64_t i = 0; i < p.kernel_h; ++i) make_row(x, columns_block, out_row * p.stride_h + i * p.dilation_h, work);
    for (int64_t g = 0; g < p.groups; ++g) {
      add_group(g, out_row, columns, work);
      if (problem_.w_least != 0) sum_windows(g, out_row, columns, work);
      for (int64_t v = 0; v < vectors_; ++v) {
        const int64_t channel = v * loops_.outputs, at = g * vectors_ * loops_.outputs + channel;
        loops_.end({.sums = work.sums + v * columns * loops_.outputs, .pixels = columns, .channels = std::min<int64_t>(loops_.outputs, group_outputs_ - channel), .factor = problem_.w_step, .x_factor = problem_.w_least,
                    .x_sums = problem_.w_least != 0 ? work.windows : nullptr, .bias = bias_.data() + at, .end = end_of(problem_, scale_.data() + at),
                    .y = y + ((image * p.out_h() + out_row) * p.out_w() + first) * y_pixel + (g * group_outputs_ + channel) / (problem_.y_plane_bits > 0 ? 8 : 1), .y_pixel = y_pixel,
                    .y_bits = problem_.y_plane_bits, .plane_bytes = y_plane});
      }
    }
  }

  void add_group(int64_t g, int64_t out_row, int64_t columns, Work& work) const {
    const auto& p = problem_.conv;
    const int64_t most_code = (1 << std::min(x_.bits, kPartBits)) - 1;
    LookUpArguments a{.vectors = vectors_, .pixels = columns, .together = 255 / (loops_.group * most_code), .words = work.words, .words_vector = columns * 2 * loops_.outputs, .sums = work.sums,
                      .sums_vector = columns * loops_.outputs};
    const size_t first = g == 0 ? 0 : segments_end_[static_cast<size_t>(g - 1)], end = segments_end_[static_cast<size_t>(g)];
    const auto most_of = [&](size_t i) { return segments_[i].steps * p.kernel_h * p.kernel_w * loops_.group * most_code; };
    for (int64_t part = 0; part < parts_; ++part)
      for (int plane = 0; plane < w_bits_; ++plane) {
        int64_t in_words = 0;  // at most
        for (size_t i = first; i < end; ++i) {
          const auto& s = segments_[i];
          const auto& block = blocks_[s.block];
          const int64_t pixel = block.count * loops_.entries;
          a.begins = in_words == 0;
          in_words += most_of(i);
          a.ends = i + 1 == end || in_words + most_of(i + 1) > kMostOfSum;
          a.runs = 0;
          for (int64_t row = 0; row < p.kernel_h; ++row)
            for (int64_t tap = 0; tap < (s.is_joined ? 1 : p.kernel_w); ++tap)
              work.runs_at[static_cast<size_t>(a.runs++)] = (out_row * p.stride_h + row * p.dilation_h) % slots_ * slot_bytes_ + tap * p.dilation_w * pixel;
          a.tables = work.tables + block_at(part, block) + s.first * loops_.entries, a.pixel_bytes = pixel_step() * pixel;
          a.runs_at = work.runs_at.data(), a.steps = s.steps * (s.is_joined ? p.kernel_w : 1), a.codes_vector = s.codes_vector;
          a.codes = codes_.data() + s.codes + plane * vectors_ * s.codes_vector;
          a.shift = plane + static_cast<int>(part) * kPartBits;
          loops_.add_look_ups(a);
          if (a.ends) in_words = 0, a.adds = true;
        }
      }
  }

  /// The sum of x over each output pixel's window.
  void sum_windows(int64_t g, int64_t out_row, int64_t columns, Work& work) const {
    const auto& p = problem_.conv;
    std::fill_n(work.windows, columns, 0);
    for (int64_t i = 0; i < p.kernel_h; ++i) {
      const int32_t* const of_row = work.x_sums + (out_row * p.stride_h + i * p.dilation_h) % slots_ * pixels_ * p.groups + g;
      for (int64_t j = 0; j < p.kernel_w; ++j) {
        const int32_t* const from = of_row + j * p.dilation_w * p.groups;
        const int64_t step = pixel_step() * p.groups;
        if (step == 1)
          for (int64_t column = 0; column < columns; ++column) work.windows[column] += from[column];
        else
          for (int64_t column = 0; column < columns; ++column) work.windows[column] += from[column * step];
      }
    }
  }

  Int8Problem problem_;
  FewBits x_;
  const LowBitLoops& loops_;
  int w_bits_ = 1;
  int64_t parts_ = 1, group_channels_ = 0, group_outputs_ = 0, vectors_ = 1, plane_bytes_ = 0, tables_ = 0;
  int64_t columns_ = 1, column_blocks_ = 1, pixels_ = 1;  // output pixels of a block of columns, blocks of an image's row, input pixels of a block
  int64_t slots_ = 1, slot_bytes_ = 0, thread_bytes_ = 0;
  std::vector<Block> blocks_;
  std::vector<Segment> segments_;      // of all conv groups
  std::vector<size_t> segments_end_;   // by conv group
  Buffer<uint8_t> codes_;              // by segment: (planes, vectors, runs, steps, outputs)
  Buffer<int32_t> bias_;               // (groups, vectors, outputs)
  Buffer<float> scale_;                // likewise
};

constexpr int kMostWeightBits = 8;

}  // namespace

extern const Int8ConvImplementation k_int8_conv_look_up;
const Int8ConvImplementation k_int8_conv_look_up{
    "look up",
    [](const Int8Problem& problem, const Int8Loops&) {
      if (problem.y_plane_bits > 0 && problem.conv.groups > 1 && problem.conv.k / problem.conv.groups % 8 != 0) return std::string("outputs of two groups share a byte of a plane");
      return problem.weight_bits() > kMostWeightBits ? "weights of " + std::to_string(problem.weight_bits()) + " bits" : std::string();
    },
    [](const Int8Problem& problem, const Int8Loops& bytes) {
      const auto& p = problem.conv;
      const auto& loops = low_bit_loops_beside(bytes);
      const int64_t x_bits = few_bits_of(problem).bits, parts = (x_bits + kPartBits - 1) / kPartBits, most = (1 << std::min<int64_t>(x_bits, kPartBits)) - 1;
      const double instructions = 2 + 2.0 / static_cast<double>(255 / (loops.group * most)), at_once = loops.outputs > 16 ? 2 : 0.2;  // of a cycle; without shuffles of bytes code by code
      const int64_t outputs = p.k / p.groups, vectors = (outputs + loops.outputs - 1) / loops.outputs;
      const double tables = static_cast<double>(p.n * p.out_h() * p.out_w()) * static_cast<double>((p.c / p.groups + loops.group - 1) / loops.group * p.groups * p.kernel_h * p.kernel_w);
      const double made = static_cast<double>(p.n * p.h * p.w * ((p.c + loops.group - 1) / loops.group)) * static_cast<double>(3 * parts + x_bits);
      return tables * static_cast<double>(vectors * problem.weight_bits() * parts) * instructions / at_once + made;
    },
    [](const Int8Problem& p, const Int8Weights& w, const Int8Loops& loops) -> std::unique_ptr<Int8Convolution> { return std::make_unique<LookUp>(p, w, low_bit_loops_beside(loops)); },
    /*keeps_packed=*/true, /*takes_planes=*/true};

}  // namespace scissionlite::kernels
