// Any convolution of bytes whose weights have few bits (few_bits.h), by tables of sums (arguments.h).
//
// Tables of a row of input pixels are made once, and kept in a ring as long as a kernel reaches them. They lie in blocks of channels, so that those
// of a tile of pixels stay in L1 while all outputs are looked up in them.
#include "kernels/conv/panels.h"
#include "kernels/lowbit/input_rows.h"
#include "kernels/lowbit/outputs.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kTileBytes = 28 << 10;  // of tables that a tile of pixels reads, beside codes
constexpr int64_t kMostColumns = 64;      // output pixels of a row at a time
constexpr int64_t kMostOfSum = 65535;     // see LookUpArguments
constexpr int64_t kPlaneSlack = 8;        // bytes read past a plane

class LookUp final : public Int8Convolution {
 public:
  LookUp(const Int8Problem& problem, const Int8Weights& weights, const LowBitLoops& loops)
      : problem_(InputRows::in_one_row(problem)),
        x_(few_bits_of(problem)),
        loops_(loops),
        outputs_(problem_, weights, loops),
        rows_(problem_, most_columns(problem_.conv), /*out_rows=*/1) {
    set_blocks();
    set_scratch();
    pack(weights);
  }

  [[nodiscard]] int64_t scratch_bytes(int threads) const override { return threads * thread_bytes_; }

  void run(const uint8_t* x, uint8_t* y, std::byte* scratch, int threads) const override {
    const auto& p = problem_.conv;
    const int64_t rows = p.n * rows_.blocks() * p.out_h();
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
  struct Segment {  // a conv group's part of a block
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
    InputRows::Kept kept;
    std::vector<int64_t> runs_at;
    Work(const LookUp& of, std::byte* scratch) : kept(of.rows_), runs_at(static_cast<size_t>(of.problem_.conv.kernel_h * of.problem_.conv.kernel_w)) {
      auto* at = reinterpret_cast<uint8_t*>(scratch);
      tables = at, at += of.rows_.slots() * of.slot_bytes_;
      x_sums = reinterpret_cast<int32_t*>(at), at += of.x_sums_size();
      planes = at, at += of.planes_size();
      words = at, at += of.sums_size() / 2;
      sums = reinterpret_cast<int32_t*>(at), at += of.sums_size();
      windows = reinterpret_cast<int32_t*>(at);
    }
  };

  [[nodiscard]] int64_t x_sums_size() const { return round_up(rows_.slots() * rows_.pixels() * problem_.conv.groups * 4, 64); }
  [[nodiscard]] int64_t planes_size() const { return round_up(rows_.pixels() * x_.bits * plane_bytes_ + kPlaneSlack, 64); }
  [[nodiscard]] int64_t sums_size() const { return outputs_.vectors() * rows_.columns() * loops_.outputs * 4; }

  /// As many output pixels of a row as leave all their tables and sums in L2. Fewer, whose tables all stay in L1, were no faster.
  [[nodiscard]] int64_t most_columns(const ConvProblem& p) const {
    const auto bytes = [&](int64_t columns) {
      return InputRows::pixels_of(p, columns) * tables_ * parts_ * loops_.entries * p.kernel_h + outputs_.vectors() * loops_.outputs * 4 * columns;
    };
    int64_t columns = std::min(p.out_w(), kMostColumns);
    while (columns > loops_.pixels && bytes(columns) > l2_bytes() / 2) columns = std::max<int64_t>(columns - loops_.pixels, loops_.pixels);
    return columns;
  }

  void set_blocks() {
    const auto& p = problem_.conv;
    const int64_t tile = InputRows::pixels_of(p, std::min<int64_t>(loops_.pixels, rows_.columns())) * p.kernel_h * loops_.entries,
                  most_code = (1 << std::min(x_.bits, kPartBits)) - 1;
    const int64_t of_tile = kTileBytes / tile, of_sum = kMostOfSum / (most_code * loops_.group * p.kernel_h * p.kernel_w),
                  unit = loops_.tables_at_once;
    const int64_t most = std::max(unit, std::min(of_tile, of_sum) / unit * unit), count = (tables_ + most - 1) / most;
    const int64_t each = round_up((tables_ + count - 1) / count, unit);
    for (int64_t first = 0; first < tables_; first += each) blocks_.push_back({first, std::min(each, tables_ - first)});
  }

  void set_scratch() {
    slot_bytes_ = parts_ * tables_ * rows_.pixels() * loops_.entries;
    thread_bytes_ = rows_.slots() * slot_bytes_ + x_sums_size() + planes_size() + sums_size() / 2 + sums_size() + round_up(rows_.columns() * 4, 64);
  }
  /// Where a part's block begins in a slot; pixels of a block lie block.count * entries apart.
  [[nodiscard]] int64_t block_at(int64_t part, const Block& block) const { return (part * tables_ + block.first) * rows_.pixels() * loops_.entries; }

  void pack(const Int8Weights& weights) {
    const auto& p = problem_.conv;
    const int64_t taps = p.kernel_h * p.kernel_w;
    int64_t size = 0;
    for (int64_t g = 0; g < p.groups; ++g) {
      const int64_t first = g * group_channels_ / loops_.group, end = ((g + 1) * group_channels_ - 1) / loops_.group + 1;
      for (size_t b = 0; b < blocks_.size(); ++b) {
        const int64_t from = std::max(first, blocks_[b].first), to = std::min(end, blocks_[b].first + blocks_[b].count);
        if (from >= to) continue;
        Segment s{
            b, from - blocks_[b].first, to - from, to - from == blocks_[b].count && p.dilation_w == 1, size, taps * (to - from) * loops_.outputs};
        size += s.codes_vector * outputs_.vectors() * w_bits_;
        segments_.push_back(s);
      }
      segments_end_.push_back(segments_.size());
    }
    codes_ = Buffer<uint8_t>(size);
    for (int64_t k = 0; k < p.k; ++k) pack_output(k, weights);
  }

  void pack_output(int64_t k, const Int8Weights& weights) {
    const auto& p = problem_.conv;
    const int64_t g = k / outputs_.of_group(), o = k % outputs_.of_group(), taps = p.kernel_h * p.kernel_w, lanes = loops_.outputs,
                  place = place_of_output(o % lanes, lanes), first_channel = g * group_channels_;
    for (size_t i = g == 0 ? 0 : segments_end_[static_cast<size_t>(g - 1)]; i < segments_end_[static_cast<size_t>(g)]; ++i) {
      const auto& s = segments_[i];
      const int64_t first = (blocks_[s.block].first + s.first) * loops_.group -
                            first_channel;  // the group's channel of the segment's first table; it may lie before the group
      for (int64_t step = 0; step < s.steps; ++step) {
        const int64_t from = first + step * loops_.group;
        for (int64_t c = std::max<int64_t>(from, 0); c < std::min(from + loops_.group, group_channels_); ++c)
          for (int64_t tap = 0; tap < taps; ++tap) {
            const uint32_t u = few_bits_of_weight(problem_, weights.w[(k * group_channels_ + c) * taps + tap]);
            for (int plane = 0; plane < w_bits_; ++plane) {
              uint8_t* const codes = codes_.data() + s.codes + (plane * outputs_.vectors() + o / lanes) * s.codes_vector;
              codes[(tap * s.steps + step) * lanes + place] |= static_cast<uint8_t>((u >> plane & 1) << (c - from));
            }
          }
      }
    }
  }

  /// Tables of input row `row` for a block of columns, in its slot of the ring; `row` may lie outside the image.
  void make_row(const uint8_t* x, int64_t columns_block, int64_t row, Work& work) const {
    if (!work.kept.takes(columns_block, row)) return;
    const auto& p = problem_.conv;
    const int64_t slot = row % rows_.slots(), bytes = x_.bits * plane_bytes_;
    int32_t* const x_sums = work.x_sums + slot * rows_.pixels() * p.groups;
    rows_.make_planes(loops_, x, columns_block, row, 0, p.c, {.first = work.planes, .pixel = bytes, .plane = plane_bytes_});
    const bool sums_all = outputs_.needs_windows() && p.groups == 1;
    std::fill_n(x_sums, rows_.pixels() * p.groups, 0);
    for (int64_t part = 0; part < parts_; ++part)
      for (const auto& block : blocks_)
        loops_.make_tables({.planes = work.planes + part * kPartBits * plane_bytes_,
                            .planes_pixel = bytes,
                            .plane_bytes = plane_bytes_,
                            .bits = std::min(x_.bits - static_cast<int>(part) * kPartBits, kPartBits),
                            .pixels = rows_.pixels(),
                            .channels = p.c,
                            .first = block.first,
                            .count = block.count,
                            .tables = work.tables + slot * slot_bytes_ + block_at(part, block),
                            .tables_pixel = block.count * loops_.entries,
                            .sums = sums_all ? x_sums : nullptr,
                            .shift = static_cast<int>(part) * kPartBits});
    if (outputs_.needs_windows() && p.groups > 1) sum_groups(work.planes, x_sums);
  }
  /// Of each conv group, channel by channel.
  void sum_groups(const uint8_t* planes, int32_t* x_sums) const {
    const auto& p = problem_.conv;
    for (int64_t i = 0; i < rows_.pixels(); ++i)
      for (int64_t c = 0; c < p.c; ++c)
        for (int s = 0; s < x_.bits; ++s)
          x_sums[i * p.groups + c / group_channels_] += (planes[(i * x_.bits + s) * plane_bytes_ + c / 8] >> (c % 8) & 1) << s;
  }

  void run_row(const uint8_t* x, uint8_t* y, int64_t columns_block, int64_t out_row, Work& work) const {
    const auto& p = problem_.conv;
    const int64_t image = columns_block / rows_.blocks(), columns = rows_.columns_of(columns_block);
    const int64_t pixel = (image * p.out_h() + out_row) * p.out_w() + rows_.first_column(columns_block);
    for (int64_t i = 0; i < p.kernel_h; ++i) make_row(x, columns_block, rows_.row_of(out_row, i), work);
    for (int64_t g = 0; g < p.groups; ++g) {
      add_group(g, out_row, columns, work);
      if (outputs_.needs_windows()) rows_.sum_windows(work.x_sums, g, out_row, columns, work.windows);
      for (int64_t v = 0; v < outputs_.vectors(); ++v) outputs_.end(g, v, work.sums + v * columns * loops_.outputs, columns, work.windows, y, pixel);
    }
  }

  void add_group(int64_t g, int64_t out_row, int64_t columns, Work& work) const {
    const auto& p = problem_.conv;
    const int64_t most_code = (1 << std::min(x_.bits, kPartBits)) - 1;
    LookUpArguments a{.vectors = outputs_.vectors(),
                      .pixels = columns,
                      .together = 255 / (loops_.group * most_code),
                      .words = work.words,
                      .words_vector = columns * 2 * loops_.outputs,
                      .sums = work.sums,
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
              work.runs_at[static_cast<size_t>(a.runs++)] = rows_.slot_of(out_row, row) * slot_bytes_ + tap * p.dilation_w * pixel;
          a.tables = work.tables + block_at(part, block) + s.first * loops_.entries, a.pixel_bytes = rows_.pixel_step() * pixel;
          a.runs_at = work.runs_at.data(), a.steps = s.steps * (s.is_joined ? p.kernel_w : 1), a.codes_vector = s.codes_vector;
          a.codes = codes_.data() + s.codes + plane * outputs_.vectors() * s.codes_vector;
          a.shift = plane + static_cast<int>(part) * kPartBits;
          loops_.add_look_ups(a);
          if (a.ends) in_words = 0, a.adds = true;
        }
      }
  }

  Int8Problem problem_;
  FewBits x_;
  const LowBitLoops& loops_;
  LowBitOutputs outputs_;
  int w_bits_ = problem_.weight_bits();
  int64_t parts_ = (x_.bits + kPartBits - 1) / kPartBits, group_channels_ = problem_.conv.c / problem_.conv.groups,
          plane_bytes_ = (problem_.conv.c + 7) / 8;
  int64_t tables_ = (problem_.conv.c + loops_.group - 1) / loops_.group;
  InputRows rows_;
  int64_t slot_bytes_ = 0, thread_bytes_ = 0;
  std::vector<Block> blocks_;
  std::vector<Segment> segments_;     // of all conv groups
  std::vector<size_t> segments_end_;  // by conv group
  Buffer<uint8_t> codes_;             // by segment: (planes, vectors, runs, steps, outputs)
};

}  // namespace

// Estimated, as measured with 64 channels to 128, 3x3 of stride 2 at 56x56, weights of one bit, activations of two and three: cycles of a table, of
// it for each bit; of 64 channels of an input pixel, which become planes; and of a vector of an output pixel, from sums to bytes.
constexpr double kTableCycles = 3, kTableCyclesOfBit = 1.35, kPlaneCycles = 12, kEndCycles = 16;

extern const Int8ConvImplementation k_int8_conv_look_up;
const Int8ConvImplementation k_int8_conv_look_up{
    "look up",
    [](const Int8Problem& problem, const Int8Loops&) { return reason_against_bits(problem); },
    [](const Int8Problem& problem, const Int8Loops& bytes) {
      const auto& p = problem.conv;
      const auto& loops = low_bit_loops_beside(bytes);
      const int64_t x_bits = few_bits_of(problem).bits, parts = (x_bits + kPartBits - 1) / kPartBits,
                    most = (1 << std::min<int64_t>(x_bits, kPartBits)) - 1;
      const double instructions = 2 + 2.0 / static_cast<double>(255 / (loops.group * most));
      const int64_t outputs = p.k / p.groups, vectors = (outputs + loops.outputs - 1) / loops.outputs;
      const double tables = static_cast<double>(p.n * p.out_h() * p.out_w()) *
                            static_cast<double>((p.c / p.groups + loops.group - 1) / loops.group * p.groups * p.kernel_h * p.kernel_w);
      const double made = static_cast<double>(p.n * p.h * p.w * ((p.c + loops.group - 1) / loops.group)) *
                          (kTableCycles * static_cast<double>(parts) + kTableCyclesOfBit * static_cast<double>(x_bits));
      const double ends = static_cast<double>(p.n * p.out_h() * p.out_w() * p.groups * vectors) * kEndCycles,
                   planes = static_cast<double>(p.n * p.h * p.w * ((p.c + 63) / 64)) * (kPlaneCycles + 2.0 * static_cast<double>(x_bits));
      return tables * static_cast<double>(vectors * problem.weight_bits() * parts) * instructions / loops.instructions_of_cycle + made + planes +
             ends;
    },
    [](const Int8Problem& p, const Int8Weights& w, const Int8Loops& loops) -> std::unique_ptr<Int8Convolution> {
      return std::make_unique<LookUp>(p, w, low_bit_loops_beside(loops));
    },
    /*keeps_packed=*/true,
    /*takes_planes=*/true};

}  // namespace scissionlite::kernels
