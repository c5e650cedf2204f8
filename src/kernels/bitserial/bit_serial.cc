// Any convolution of bytes whose weights have few bits (kernels/lowbit/few_bits.h), by counts of bits of planes (arguments.h).
//
// Planes of input rows are made once, and kept in a ring as long as a kernel reaches them. They are small (a bit a value), so that some output rows
// are computed together, all of them for one vector of outputs after the other: its weights then stay in L1. Neighbouring pixels of a plane lie side
// by side: taps of a kernel row share words where a pixel's channels fill none.
#include "kernels/bitserial/loops.h"
#include "kernels/conv/panels.h"
#include "kernels/lowbit/input_rows.h"
#include "kernels/lowbit/outputs.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kMostColumns = 64;                                // output pixels of a row at a time
constexpr int64_t kMostPixels = 64;                                 // of some rows, whose sums stay in L1
constexpr double kInputCycles = 28, kPlaneCycles = 10;              // estimated, of an input pixel, and of 64 bits of a plane of it
constexpr int64_t kWordBytes = 4, kWordBits = 32, kSlackBytes = 7;  // bytes read past the last plane

/// Words of 32 bits that a window reads of one plane: runs of neighbouring bytes, of a kernel row or, with holes between taps, of a tap.
struct WindowWords {
  int64_t tap_bytes, taps_of_run, runs_of_row, run_words;
  explicit WindowWords(const ConvProblem& p)
      : tap_bytes((p.c / p.groups + 7) / 8),
        taps_of_run(p.dilation_w == 1 ? p.kernel_w : 1),
        runs_of_row(p.kernel_w / taps_of_run),
        run_words((taps_of_run * tap_bytes + kWordBytes - 1) / kWordBytes) {}
  [[nodiscard]] int64_t of_row() const { return runs_of_row * run_words; }
};

class BitSerial final : public Int8Convolution {
 public:
  BitSerial(const Int8Problem& problem, const Int8Weights& weights, const LowBitLoops& few_bits, const BitSerialLoops& loops)
      : problem_(InputRows::in_one_row(problem)),
        few_bits_(few_bits),
        loops_(loops),
        window_(problem_.conv),
        outputs_(problem_, weights, few_bits),
        out_rows_(most_rows(problem_.conv)),
        rows_(problem_, kMostColumns, out_rows_) {
    const auto& p = problem_.conv;
    words_ = round_up(p.kernel_h * window_.of_row(), loops.words_unit);
    vectors_ = (outputs_.of_group() + loops.lanes - 1) / loops.lanes;
    plane_bytes_ = rows_.pixels() * window_.tap_bytes;
    slot_bytes_ = round_up(p.groups * x_bits_ * plane_bytes_ + kSlackBytes, 64);
    w_ = Buffer<uint32_t>(p.groups * vectors_ * w_bits_ * words_ * loops.lanes);
    for (int64_t k = 0; k < p.k; ++k) pack_output(k, weights);
  }

  [[nodiscard]] int64_t scratch_bytes(int threads) const override { return threads * Work(*this, nullptr).bytes; }

  void run(const uint8_t* x, uint8_t* y, std::byte* scratch, int threads) const override {
    const auto& p = problem_.conv;
    const int64_t blocks = p.n * rows_.blocks(), rows = std::clamp<int64_t>(blocks * p.out_h() / threads, 1, out_rows_),
                  of_block = (p.out_h() + rows - 1) / rows, tasks = blocks * of_block;
    const bool shares_outputs = tasks < threads;  // each thread then makes the planes for itself
    in_team(threads, [&](const Member& member) {
      const Range all{0, p.groups * outputs_.vectors()}, mine = shares_outputs ? Range{0, tasks} : share_of(tasks, member),
                                                         outputs = shares_outputs ? share_of(all.end, member) : all;
      if (outputs.begin == outputs.end) return;
      Work work(*this, scratch + member.rank * Work(*this, nullptr).bytes);
      InputRows::Kept kept(rows_);
      for (int64_t task = mine.begin; task < mine.end; ++task) {
        const int64_t first = task % of_block * rows;
        run_rows(x, y, task / of_block, {first, std::min(first + rows, p.out_h())}, outputs, work, kept);
      }
    });
  }

 private:
  struct Work {
    uint8_t* planes;   // (slots, groups, bits, pixels, tap_bytes), slot_bytes_ a slot
    int32_t* x_sums;   // (slots, pixels, groups)
    int64_t* at;       // (out_rows, words)
    int32_t* sums;     // (out_rows, columns, outputs)
    int32_t* windows;  // (out_rows, columns)
    int64_t bytes;     // of all
    Work(const BitSerial& of, std::byte* scratch) {
      int64_t end = 0;
      const auto take = [&](auto*& to, int64_t count) {
        using Value = std::remove_reference_t<decltype(*to)>;
        to = scratch ? reinterpret_cast<Value*>(scratch + end) : nullptr;
        end += round_up(count * static_cast<int64_t>(sizeof(Value)), 64);
      };
      const int64_t pixels = of.out_rows_ * of.rows_.columns();
      take(planes, of.rows_.slots() * of.slot_bytes_);
      take(x_sums, of.rows_.slots() * of.rows_.pixels() * of.problem_.conv.groups);
      take(at, of.out_rows_ * of.words_);
      take(sums, pixels * of.few_bits_.outputs);
      take(windows, pixels);
      bytes = end;
    }
  };

  /// As many as have kMostPixels pixels, of an image that is narrower.
  static int64_t most_rows(const ConvProblem& p) { return std::clamp<int64_t>(kMostPixels / p.out_w(), 1, p.out_h()); }

  void pack_output(int64_t k, const Int8Weights& weights) {
    const auto& p = problem_.conv;
    const int64_t channels = p.c / p.groups, taps = p.kernel_h * p.kernel_w, g = k / outputs_.of_group(), o = k % outputs_.of_group(),
                  lanes = loops_.lanes;
    uint32_t* const w = w_.data() + (g * vectors_ + o / lanes) * w_bits_ * words_ * lanes + o % lanes;
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t c = 0; c < channels; ++c) {
        const uint32_t u = few_bits_of_weight(problem_, weights.w[(k * channels + c) * taps + tap]);
        const int64_t bit = (tap % window_.taps_of_run * window_.tap_bytes + c / 8) * 8 + c % 8,
                      word = tap / window_.taps_of_run * window_.run_words + bit / kWordBits;
        for (int plane = 0; plane < w_bits_; ++plane) w[(plane * words_ + word) * lanes] |= (u >> plane & 1) << (bit % kWordBits);
      }
  }

  /// `outputs`: which vectors of outputs (LowBitLoops::outputs), counted over all conv groups.
  void run_rows(const uint8_t* x, uint8_t* y, int64_t block, const Range& rows, const Range& outputs, const Work& work, InputRows::Kept& kept) const {
    const auto& p = problem_.conv;
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      for (int64_t i = 0; i < p.kernel_h; ++i) make_row(x, block, rows_.row_of(row, i), work, kept);
      set_places(row, work.at + (row - rows.begin) * words_);
    }
    const int64_t columns = rows_.columns_of(block), count = rows.end - rows.begin, sums_row = columns * few_bits_.outputs;
    const int64_t first = (block / rows_.blocks() * p.out_h() + rows.begin) * p.out_w() + rows_.first_column(block);  // pixel
    for (int64_t i = outputs.begin, group = -1; i < outputs.end; ++i) {
      const int64_t now = i / outputs_.vectors(), vector = i % outputs_.vectors();
      if (std::exchange(group, now) != now && outputs_.needs_windows())
        for (int64_t row = 0; row < count; ++row) rows_.sum_windows(work.x_sums, group, rows.begin + row, columns, work.windows + row * columns);
      count_outputs(group, vector, columns, count, work);
      for (int64_t row = 0; row < count; ++row)
        outputs_.end(group, vector, work.sums + row * sums_row, columns, work.windows + row * columns, y, first + row * p.out_w());
    }
  }

  /// Sums of a vector of outputs of some rows, of as many of it as the group has.
  void count_outputs(int64_t group, int64_t vector, int64_t columns, int64_t rows, const Work& work) const {
    const int64_t outputs = few_bits_.outputs, of_end = outputs / loops_.lanes, end = std::min(vectors_, (vector + 1) * of_end);
    BitSerialArguments a{.x = work.planes + group * x_bits_ * plane_bytes_,
                         .x_pixel = rows_.pixel_step() * window_.tap_bytes,
                         .x_plane = plane_bytes_,
                         .x_bits = x_bits_,
                         .w_bits = w_bits_,
                         .words = words_,
                         .pixels = columns,
                         .sums_pixel = outputs};
    for (int64_t v = vector * of_end; v < end; ++v) {
      a.w = w_.data() + (group * vectors_ + v) * w_bits_ * words_ * loops_.lanes;
      for (int64_t row = 0; row < rows; ++row) {
        a.at = work.at + row * words_, a.sums = work.sums + row * columns * outputs + v % of_end * loops_.lanes;
        loops_.count_bits(a);
      }
    }
  }

  /// Planes of input row `row` for a block of columns, in its slot of the ring; `row` may lie outside the image.
  void make_row(const uint8_t* x, int64_t block, int64_t row, const Work& work, InputRows::Kept& kept) const {
    if (!kept.takes(block, row)) return;
    const auto& p = problem_.conv;
    const int64_t slot = row % rows_.slots(), channels = p.c / p.groups;
    for (int64_t g = 0; g < p.groups; ++g) {
      auto* const planes = work.planes + slot * slot_bytes_ + g * x_bits_ * plane_bytes_;
      rows_.make_planes(few_bits_, x, block, row, g * channels, channels, {.first = planes, .pixel = window_.tap_bytes, .plane = plane_bytes_});
      if (outputs_.needs_windows())
        loops_.sum_planes({.planes = planes,
                           .planes_pixel = window_.tap_bytes,
                           .plane_bytes = plane_bytes_,
                           .pixels = rows_.pixels(),
                           .bytes = window_.tap_bytes,
                           .bits = x_bits_,
                           .sums = work.x_sums + slot * rows_.pixels() * p.groups + g,
                           .sums_pixel = p.groups});
    }
  }

  /// Where the words of an output row's first window lie, of a group's first plane; what fills the last unit reads the first word again, times 0.
  void set_places(int64_t out_row, int64_t* at) const {
    const auto& p = problem_.conv;
    int64_t* const end = at + words_;
    for (int64_t i = 0; i < p.kernel_h; ++i)
      for (int64_t run = 0; run < window_.runs_of_row; ++run)
        for (int64_t word = 0; word < window_.run_words; ++word)
          *at++ = rows_.slot_of(out_row, i) * slot_bytes_ + run * p.dilation_w * window_.tap_bytes + word * kWordBytes;
    std::fill(at, end, 0);
  }

  Int8Problem problem_;
  const LowBitLoops& few_bits_;
  const BitSerialLoops& loops_;
  WindowWords window_;
  LowBitOutputs outputs_;
  int x_bits_ = few_bits_of(problem_).bits, w_bits_ = problem_.weight_bits();
  int64_t out_rows_;  // at a time
  InputRows rows_;
  int64_t words_ = 0, vectors_ = 1, plane_bytes_ = 0, slot_bytes_ = 0;
  Buffer<uint32_t> w_;  // (groups, vectors, w_bits, words, lanes)
};

}  // namespace

extern const Int8ConvImplementation k_int8_conv_bit_serial;
const Int8ConvImplementation k_int8_conv_bit_serial{
    "bit serial",
    [](const Int8Problem& problem, const Int8Loops&) { return reason_against_bits(problem); },
    [](const Int8Problem& problem, const Int8Loops& bytes) {
      const auto& p = problem.conv;
      const auto& loops = bit_serial_loops_beside(bytes);
      const WindowWords window(p);
      const int64_t x_bits = few_bits_of(problem).bits, w_bits = problem.weight_bits(), channels = p.c / p.groups,
                    vectors = p.groups * ((p.k / p.groups + loops.lanes - 1) / loops.lanes);
      const int64_t words = round_up(p.kernel_h * window.of_row(), loops.words_unit);
      const double of_vector =
          static_cast<double>(words * x_bits * w_bits) * loops.cycles.word + static_cast<double>(x_bits + w_bits - 1) * loops.cycles.pixel;
      const double of_input = kInputCycles + kPlaneCycles * static_cast<double>(x_bits * ((channels + 63) / 64));
      return static_cast<double>(p.n * p.out_h() * p.out_w() * vectors) * of_vector + static_cast<double>(p.n * p.h * p.w * p.groups) * of_input;
    },
    [](const Int8Problem& p, const Int8Weights& w, const Int8Loops& loops) -> std::unique_ptr<Int8Convolution> {
      return std::make_unique<BitSerial>(p, w, low_bit_loops_beside(loops), bit_serial_loops_beside(loops));
    },
    /*keeps_packed=*/true,
    /*takes_planes=*/true};

}  // namespace scissionlite::kernels
