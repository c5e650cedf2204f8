#include "kernels/sparse24/product_code.h"

#include <algorithm>
#include <functional>

namespace scissionlite::kernels {
namespace {

constexpr int kRows = ProductCode::kLanes;  // sums are registers 0 to 15
constexpr int64_t kRowBytes = ProductCode::kLanes * static_cast<int64_t>(sizeof(float)), kFloatBytes = 4, kLineBytes = 64, kQuadBytes = 16;
constexpr int kInputs = 16, kInputRegisters = 8;           // of x
constexpr int kTransposed = 24, kLower = 30, kUpper = 31;  // five of a transposition, and the bounds
constexpr Pointer kX = Pointer::kFirst, kWeights = Pointer::kSecond, kSums = Pointer::kThird, kNext = Pointer::kFourth, kComplete = Pointer::kFifth,
                  kY = Pointer::kSixth, kResidual = Pointer::kOther;

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

/// Instructions that are written between others, one after the other.
using Steps = std::vector<std::function<void()>>;

/// How complete sums of a tile become its output: 16 quarters of rows are loaded, which transposes 128 bits at a time, and each of those is
/// transposed by shuffles. So only 32 of its operations need the one unit that shuffles.
Steps end_steps(Assembler& to, const ProductEnd& end) {
  constexpr int a = kTransposed, b = a + 1, c = a + 2, d = a + 3, other = a + 4;
  Steps steps;
  for (int column = 0; column < kRows; column += 4) {
    for (int row = 0; row < 4; ++row)
      for (int quarter = 0; quarter < 4; ++quarter) {
        const int64_t at = (row + 4 * quarter) * kRowBytes + column * kFloatBytes;
        steps.emplace_back([&to, row, quarter, at] {
          quarter == 0 ? to.load_quarter(kTransposed + row, kComplete, at) : to.insert_quarter(kTransposed + row, quarter, kComplete, at);
        });
      }
    steps.emplace_back([&to] { to.low_floats(other, a, b); });
    steps.emplace_back([&to] { to.high_floats(b, a, b); });
    steps.emplace_back([&to] { to.low_floats(a, c, d); });
    steps.emplace_back([&to] { to.high_floats(d, c, d); });
    steps.emplace_back([&to] { to.low_pairs(c, other, a); });
    steps.emplace_back([&to] { to.high_pairs(other, other, a); });
    steps.emplace_back([&to] { to.low_pairs(a, b, d); });
    steps.emplace_back([&to] { to.high_pairs(b, b, d); });
    const int pixels[] = {c, other, a, b};
    for (int i = 0; i < 4; ++i) {
      const int z = pixels[i];
      const int64_t at = (column + i) * kRowBytes;
      if (end.has_residual) steps.emplace_back([&to, z, at] { to.add(z, z, kResidual, at); });
      if (end.is_bounded) steps.emplace_back([&to, z] { to.greater(z, kLower, z); }), steps.emplace_back([&to, z] { to.less(z, kUpper, z); });
      steps.emplace_back([&to, z, at] { to.store(z, kY, at); });
    }
  }
  return steps;
}

/// Where kWeights points the bounds lie first.
void prepare_end(Assembler& to, const ProductEnd& end) {
  if (end.has_residual) to.load_seventh(kResidual);
  if (end.is_bounded) to.load_one(kLower, kWeights, 0), to.load_one(kUpper, kWeights, kFloatBytes);
}

/// Groups [begin, end) of the order, for a block's outputs.
struct PartGroups {
  int64_t first_output = 0, begin = 0, end = 0;
};

/// Writes the code of one (block, piece) and collects the weights that it reads.
class PartWriter {
 public:
  PartWriter(const TwoFourLayout& layout, const std::byte* packed, const float* bias, const ProductOrder& order, const ProductEnd& end, Assembler& to)
      : layout_(layout), packed_(packed), bias_(bias), order_(order), end_(end), to_(to) {}

  /// @param lines  of the next part that it is to bring to L2 while it runs.
  void write(const PartGroups& part, int64_t lines) {
    outputs_ = static_cast<int>(std::min<int64_t>(kRows, layout_.outputs - part.first_output));
    products_ = (part.end - part.begin) * kTwoFourKept * outputs_;
    lines_ = lines;
    if (part.end == layout_.groups()) {
      prepare_end(to_, end_), steps_ = end_steps(to_, end_), rows_written_ = kRows;
      if (end_.is_bounded) weights_ = {end_.lower, end_.upper};
    }
    Cursor inputs(to_, kX, kRowBytes), values(to_, kWeights, kFloatBytes);
    for (int row = 0; row < kRows; ++row) {
      if (part.begin > 0) to_.load(row, kSums, row * kRowBytes);
      else if (bias_ && row < outputs_) to_.load_one(row, kWeights, next_weight(values, bias_[part.first_output + row]));
      else to_.zero(row);
    }
    for (int64_t i = part.begin; i < part.end; ++i) write_group(part, i, inputs, values);
    for (; stepped_ < steps_.size(); ++stepped_) steps_[stepped_]();
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

  void write_group(const PartGroups& part, int64_t number, Cursor& inputs, Cursor& values) {
    const auto& group = order_.groups[static_cast<size_t>(number)];
    std::array<bool, kTwoFourGroup> is_loaded{};
    const int registers = kInputs + static_cast<int>(number * kTwoFourGroup % kInputRegisters);
    for (size_t i = 0; i < kTwoFourKept; ++i)
      for (int row = 0; row < outputs_; ++row) {
        write_between();
        const auto kept = layout_.group(packed_, part.first_output + row, group.group);
        if (kept.values[i] == 0) continue;
        const int place = kept.places[i];
        if (auto& is_there = is_loaded[static_cast<size_t>(place)]; !is_there) {
          const int64_t at = group.at[static_cast<size_t>(place)] * kFloatBytes;
          to_.load(registers + place, kX, order_.are_rows ? inputs.offset_of(at) : at);
          is_there = true;
        }
        to_.add_product_of_one(row, registers + place, kWeights, next_weight(values, kept.values[i]));
      }
  }

  /// In between, so that they never wait for each other. What was stored just before is not yet read.
  void write_between() {
    for (++product_; fetched_ < lines_ * product_ / products_; ++fetched_) to_.fetch(kNext, fetched_ * kLineBytes);
    for (; outputs_fetched_ < rows_written_ * product_ / products_; ++outputs_fetched_)
      to_.fetch_to_write(kY, (kTilesAhead * kRows + outputs_fetched_) * kRowBytes);
    const int64_t first = products_ / kWaitingShare;
    for (; product_ > first && stepped_ < steps_.size() * static_cast<size_t>(product_ - first) / static_cast<size_t>(products_ - first); ++stepped_)
      steps_[stepped_]();
  }

  static constexpr int64_t kTilesAhead = 3, kWaitingShare = 8;
  const TwoFourLayout& layout_;
  const std::byte* packed_;
  const float* bias_;
  const ProductOrder& order_;
  const ProductEnd& end_;
  Assembler& to_;
  std::vector<float> weights_;
  int outputs_ = 0;
  int64_t products_ = 0, product_ = 0;              // all of the part, zeros among them, and written ones
  int64_t lines_ = 0, fetched_ = 0;                 // of the next part
  int64_t rows_written_ = 0, outputs_fetched_ = 0;  // of a later tile's output
  Steps steps_;                                     // of the end of the tile before
  size_t stepped_ = 0;
};

}  // namespace

ProductOrder order_of_rows(const TwoFourLayout& layout, int64_t piece_groups, int64_t tiles_in_row) {
  ProductOrder order{.groups = {}, .piece_groups = piece_groups, .tiles_in_row = tiles_in_row, .are_rows = true};
  for (int64_t group = 0; group < layout.groups(); ++group) {
    order.groups.push_back({group, {}});
    for (int64_t place = 0; place < kTwoFourGroup; ++place)
      order.groups.back().at[static_cast<size_t>(place)] = (group % piece_groups * kTwoFourGroup + place) * ProductCode::kLanes;
  }
  return order;
}

ProductCode::ProductCode(const TwoFourLayout& layout, const std::byte* packed, const float* bias, const ProductOrder& order, const ProductEnd& end)
    : pieces_((layout.groups() + order.piece_groups - 1) / order.piece_groups),
      blocks_((layout.outputs + kLanes - 1) / kLanes),
      is_block_by_block_(order.is_block_by_block) {
  constexpr int64_t kProductBytes = 11;  // code and weight
  const int64_t load_bytes = order.are_rows ? 7 : 10,
                part_bytes = order.piece_groups * (kTwoFourKept * kRows * kProductBytes + kTwoFourGroup * load_bytes);
  const int64_t lines = order.tiles_in_row == 0 ? 0 : (part_bytes / kLineBytes + order.tiles_in_row - 1) / order.tiles_in_row;
  Assembler assembler;
  prepare_end(assembler, end);
  for (const auto& step : end_steps(assembler, end)) step();
  assembler.leave();
  finish_.weights_at = assembler.constants({end.lower, end.upper});
  for (int64_t i = 0; i < pieces_ * blocks_; ++i) {
    const int64_t block = is_block_by_block_ ? i / pieces_ : i % blocks_, piece = is_block_by_block_ ? i % pieces_ : i / blocks_,
                  begin = piece * order.piece_groups;
    PartWriter writer(layout, packed, bias, order, end, assembler);
    Part part{.code_at = assembler.size(), .fetched_bytes = lines * kLineBytes};
    writer.write({block * kLanes, begin, std::min(layout.groups(), begin + order.piece_groups)}, lines);
    part.weights_at = assembler.constants(writer.weights());
    parts_.push_back(part);
  }
  code_ = ExecutableCode(assembler.code());
}

}  // namespace scissionlite::kernels
