#include "kernels/lowbit/packed_weights.h"

#include <bit>

namespace scissionlite::kernels {
namespace {

/// One unit (unpack.h): u (4, outputs) to its bytes.
void pack_unit(const uint8_t* u, int bits, int64_t outputs, uint8_t* to) {
  const auto value = [&](int64_t v, int64_t i) { return static_cast<unsigned>(u[v * outputs + i]); };
  unsigned shift = 0;
  if (bits & 4) {
    for (int64_t v = 0; v < 2; ++v)
      for (int64_t i = 0; i < outputs; ++i) to[v * outputs + i] = static_cast<uint8_t>((value(v, i) & 15) | (value(v + 2, i) & 15) << 4);
    to += 2 * outputs, shift += 4;
  }
  if (bits & 2) {
    for (int64_t i = 0; i < outputs; ++i) {
      unsigned byte = 0;
      for (unsigned v = 0; v < 4; ++v) byte |= (value(v, i) >> shift & 3) << (2 * v);
      to[i] = static_cast<uint8_t>(byte);
    }
    to += outputs, shift += 2;
  }
  if (bits & 1)
    for (int64_t i = 0; i < outputs / 2; ++i) {
      unsigned byte = 0;
      for (unsigned v = 0; v < 4; ++v) byte |= (value(v, i) >> shift & 1) << (2 * v) | (value(v, i + outputs / 2) >> shift & 1) << (2 * v + 1);
      to[i] = static_cast<uint8_t>(byte);
    }
}

}  // namespace

WeightCode weight_code_of(const Int8Problem& problem) {
  const int32_t step = problem.w_step % 2 == 0 ? 2 : 1;  // what a larger one would save, unpacking would lose
  const auto codes = static_cast<uint64_t>((problem.w_most - problem.w_least) / step);
  return {std::max(1, static_cast<int>(std::bit_width(codes))), problem.w_least, step};
}

PackedWeights::PackedWeights(const uint8_t* u, int64_t count, const WeightCode& code, const LowBitLoops& loops) : code_(code), loops_(&loops) {
  const int64_t unit = unit_values(loops), units = (count + unit - 1) / unit;
  packed_ = Buffer<uint8_t>(units * unit * code.bits / 8);
  Buffer<uint8_t> last(unit);
  for (int64_t i = 0; i < units; ++i) {
    const uint8_t* from = u + i * unit;
    if ((i + 1) * unit > count) std::copy(from, u + count, last.data()), from = last.data();
    pack_unit(from, code.bits, loops.outputs, packed_.data() + i * unit * code.bits / 8);
  }
}

void PackedWeights::unpack(int64_t first, int64_t count, int8_t* w) const {
  loops_->unpack({.packed = at(first), .bits = code_.bits, .least = code_.least, .step = code_.step, .units = (count + unit_values(*loops_) - 1) / unit_values(*loops_), .w = w});
}

}  // namespace scissionlite::kernels
