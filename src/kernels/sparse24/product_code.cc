#include "kernels/sparse24/product_code.h"

#include <algorithm>

namespace scissionlite::kernels {
namespace {

constexpr int kRows = ProductCode::kLanes;  // sums are registers 0 to 15
constexpr int64_t kRowBytes = ProductCode::kLanes * static_cast<int64_t>(sizeof(float)), kFloatBytes = 4, kLineBytes = 64;
constexpr int kFirstOther = 16, kOthers = 16;  // registers of inputs, or of a transposition
constexpr Pointer kX = Pointer::kFirst, kWeights = Pointer::kSecond, kSums = Pointer::kThird, kY = Pointer::kFourth, kResidual = Pointer::kFifth, kNext = Pointer::kSixth, kNextX = Pointer::kOther;

/// A pointer that moves on where offsets would no longer fit a byte.
class Cursor {
 public:
  Cursor(Assembler& assembler, Pointer pointer, int64_t unit) : assembler_(assembler), pointer_(pointer), unit_(unit) {}
  /// The offset from where the pointer is now.
  int64_t offset_of(int64_t at) {
    if (!Assembler::is_short(at - base_, unit_)) {
      const int64_t base = at + 128 * unit_;  // what follows lies ahead
      assembler_.advance(pointer_, static_cast<int32_t>(base - base_));
      base_ = base;
    }
    return at - base_;
  }

 private:
  Assembler& assembler_;
  Pointer pointer_;
  int64_t unit_, base_ = 0;
};

/// Registers 0 to 15 as rows: afterwards their columns.
void write_transposition(Assembler& to) {
  for (int row = 0; row < kRows; row += 4) {  // of each 128 bits: four rows of four columns
    const int a = row, b = row + 1, c = row + 2, d = row + 3, other = kFirstOther + row;
    to.low_floats(other, a, b), to.high_floats(other + 1, a, b), to.low_floats(other + 2, c, d), to.high_floats(other + 3, c, d);
    to.low_pairs(a, other, other + 2), to.high_pairs(b, other, other + 2), to.low_pairs(c, other + 1, other + 3), to.high_pairs(d, other + 1, other + 3);
  }
  constexpr uint8_t kEven = 0x88, kOdd = 0xDD;  // quarters 0 and 2 of both, 1 and 3
  for (int column = 0; column < 4; ++column) {  // 128 bits at a time: register column + 4 q becomes the q-th quarters
    const int a = column, b = column + 4, c = column + 8, d = column + 12, other = kFirstOther + 4 * column;
    to.quarters(other, a, b, kEven), to.quarters(other + 1, a, b, kOdd), to.quarters(other + 2, c, d, kEven), to.quarters(other + 3, c, d, kOdd);
    to.quarters(a, other, other + 2, kEven), to.quarters(b, other + 1, other + 3, kEven), to.quarters(c, other, other + 2, kOdd), to.quarters(d, other + 1, other + 3, kOdd);
  }
}

/// Of complete sums. Bounds follow the weights: kWeights points at them.
void write_end(Assembler& to, const ProductEnd& end) {
  write_transposition(to);
  constexpr int kLower = kFirstOther, kUpper = kFirstOther + 1;
  if (end.is_bounded) to.load_one(kLower, kWeights, 0), to.load_one(kUpper, kWeights, kFloatBytes);
  for (int pixel = 0; pixel < kRows; ++pixel) {
    if (end.has_residual) to.add(pixel, pixel, kResidual, pixel * kRowBytes);
    if (end.is_bounded) to.greater(pixel, kLower, pixel), to.less(pixel, kUpper, pixel);
    to.store(pixel, kY, pixel * kRowBytes);
  }
  to.leave();
}

/// Groups [begin, end) of a block's outputs.
struct PartGroups {
  int64_t first_output = 0, begin = 0, end = 0;
};

/// Writes the code of one (block, piece) and collects the weights that it reads.
class PartWriter {
 public:
  PartWriter(const TwoFourLayout& layout, const std::byte* packed, const float* bias, const ProductEnd& end, Assembler& to) : layout_(layout), packed_(packed), bias_(bias), end_(end), to_(to) {}

  /// @param lines        of the next part that it is to bring to L2 while it runs.
  /// @param input_lines  likewise.
  void write(const PartGroups& part, int64_t lines, int64_t input_lines) {
    outputs_ = static_cast<int>(std::min<int64_t>(kRows, layout_.outputs - part.first_output));
    products_ = (part.end - part.begin) * kTwoFourKept * outputs_;
    lines_ = lines, input_lines_ = input_lines, rows_written_ = part.end == layout_.groups() ? kRows : 0;
    if (input_lines > 0) to_.load_seventh(kNextX);
    Cursor inputs(to_, kX, kRowBytes), values(to_, kWeights, kFloatBytes);
    for (int row = 0; row < kRows; ++row) {
      if (part.begin > 0) to_.load(row, kSums, row * kRowBytes);
      else if (bias_ && row < outputs_) to_.load_one(row, kWeights, next_weight(values, bias_[part.first_output + row]));
      else to_.zero(row);
    }
    for (int64_t group = part.begin; group < part.end; ++group) write_group(part, group, inputs, values);
    if (part.end == layout_.groups()) return leave_to_end(values);
    for (int row = 0; row < kRows; ++row) to_.store(row, kSums, row * kRowBytes);
    to_.leave();
  }
  [[nodiscard]] const std::vector<float>& weights() const { return weights_; }

 private:
  /// The offset at which code finds it.
  int64_t next_weight(Cursor& values, float weight) {
    weights_.push_back(weight);
    return values.offset_of((static_cast<int64_t>(weights_.size()) - 1) * kFloatBytes);
  }

  void write_group(const PartGroups& part, int64_t group, Cursor& inputs, Cursor& values) {
    std::array<bool, kTwoFourGroup> is_loaded{};
    const int registers = kFirstOther + static_cast<int>(group * kTwoFourGroup % kOthers);
    for (size_t i = 0; i < kTwoFourKept; ++i)
      for (int row = 0; row < outputs_; ++row) {
        fetch_lines();
        const auto kept = layout_.group(packed_, part.first_output + row, group);
        if (kept.values[i] == 0) continue;
        const int place = kept.places[i];
        if (auto& is_there = is_loaded[static_cast<size_t>(place)]; !is_there) {
          to_.load(registers + place, kX, inputs.offset_of(((group - part.begin) * kTwoFourGroup + place) * kRowBytes));
          is_there = true;
        }
        to_.add_product_of_one(row, registers + place, kWeights, next_weight(values, kept.values[i]));
      }
  }

  /// In between, so that they never wait for each other.
  void fetch_lines() {
    for (++product_; fetched_ < lines_ * product_ / products_; ++fetched_) to_.fetch(kNext, fetched_ * kLineBytes);
    for (; inputs_fetched_ < input_lines_ * product_ / products_; ++inputs_fetched_) to_.fetch(kNextX, inputs_fetched_ * kLineBytes);
    for (; outputs_fetched_ < rows_written_ * product_ / products_; ++outputs_fetched_) to_.fetch_to_write(kY, (kRows + outputs_fetched_) * kRowBytes);
  }

  void leave_to_end(Cursor& values) {
    if (end_.is_bounded) {
      const int64_t at = next_weight(values, end_.lower);
      weights_.push_back(end_.upper);
      to_.advance(kWeights, static_cast<int32_t>(at));
    }
    to_.jump(0);
  }

  const TwoFourLayout& layout_;
  const std::byte* packed_;
  const float* bias_;
  const ProductEnd& end_;
  Assembler& to_;
  std::vector<float> weights_;
  int outputs_ = 0;
  int64_t products_ = 0, product_ = 0;  // all of the part, zeros among them, and written ones
  int64_t lines_ = 0, fetched_ = 0;                // of the next part
  int64_t input_lines_ = 0, inputs_fetched_ = 0;
  int64_t rows_written_ = 0, outputs_fetched_ = 0;  // of the next tile's output
};

}  // namespace

ProductCode::ProductCode(const TwoFourLayout& layout, const std::byte* packed, const float* bias, int64_t piece_groups, const ProductRuns& runs, const ProductEnd& end)
    : piece_groups_(piece_groups), pieces_((layout.groups() + piece_groups - 1) / piece_groups) {
  constexpr int64_t kProductBytes = 11, kInputBytes = 7;  // code and weight; a load
  const int64_t part_bytes = piece_groups * (kTwoFourKept * kRows * kProductBytes + kTwoFourGroup * kInputBytes), lines = (part_bytes / kLineBytes + runs.tiles - 1) / runs.tiles;
  Assembler assembler;
  write_end(assembler, end);
  for (int64_t first = 0; first < layout.outputs; first += kLanes)
    for (int64_t begin = 0; begin < layout.groups(); begin += piece_groups) {
      PartWriter writer(layout, packed, bias, end, assembler);
      Part part{.code_at = assembler.size(), .fetched_bytes = lines * kLineBytes};
      writer.write({first, begin, std::min(layout.groups(), begin + piece_groups)}, lines, runs.input_lines);
      part.weights_at = assembler.constants(writer.weights());
      parts_.push_back(part);
    }
  code_ = ExecutableCode(assembler.code());
}

}  // namespace scissionlite::kernels
