// Weights of 1 to 7 bits, packed, and of 8 for tiles: bytes in the order that loops read them, less what all have in common.
#pragma once

#include "kernels/int8/buffer.h"
#include "kernels/int8/conv.h"
#include "kernels/lowbit/loops.h"

namespace scissionlite::kernels {

constexpr int kMostPackedBits = 7;
constexpr int kMostTileBits = 8;  // tiles take bytes as they are, too

/// w = least + step * u, u of `bits` bits.
struct WeightCode {
  int bits = 1;
  int32_t least = 0, step = 1;  // step: 1 or 2
  /// By a shift: networks have many millions of them, and a division takes as long as all else that is done to one.
  [[nodiscard]] int32_t u_of(int32_t w) const { return (w - least) >> (step - 1); }
  [[nodiscard]] bool can_be_packed() const { return bits <= kMostPackedBits; }
};
/// What the problem's weights are; bits may be more than can be packed.
[[nodiscard]] WeightCode weight_code_of(const Int8Problem& problem);

class PackedWeights {
 public:
  PackedWeights() = default;
  /// @param w  bytes of u (not of w); those past the last whole unit are 0. Units (unpack.h) begin at multiples of unit_values().
  PackedWeights(const uint8_t* u, int64_t count, const WeightCode& code, const LowBitLoops& loops);
  [[nodiscard]] static int64_t unit_values(const LowBitLoops& loops) { return int64_t{8} * loops.outputs; }
  [[nodiscard]] int64_t bytes() const { return packed_.size(); }
  /// The packed unit that begins with value `first`.
  [[nodiscard]] const uint8_t* at(int64_t first) const { return packed_.data() + first * code_.bits / 8; }
  /// Values from `first` on, in whole units, as bytes of w; not of 8 bits.
  void unpack(int64_t first, int64_t count, int8_t* w) const;
  [[nodiscard]] const WeightCode& code() const { return code_; }

 private:
  WeightCode code_;
  const LowBitLoops* loops_ = nullptr;
  Buffer<uint8_t> packed_;
};

}  // namespace scissionlite::kernels
