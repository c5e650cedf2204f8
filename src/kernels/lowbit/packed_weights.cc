#include "kernels/lowbit/packed_weights.h"

namespace scissionlite::kernels {
namespace {

/// One unit (unpack.h): u (8, outputs) to its bytes.
void pack_unit(const uint8_t* u, int bits, int64_t outputs, uint8_t* to) {
  if (bits == kMostTileBits) return static_cast<void>(std::copy_n(u, 8 * outputs, to));
  unsigned shift = 0;
  for (const unsigned width : {4U, 2U, 1U}) {
    if ((static_cast<unsigned>(bits) & width) == 0) continue;
    const unsigned fields = 8 / width;                 // of a byte
    const auto vectors = static_cast<int64_t>(width);  // that hold those of all eight
    for (int64_t v = 0; v < vectors; ++v)
      for (int64_t i = 0; i < outputs; ++i) {
        unsigned byte = 0;
        for (unsigned f = 0; f < fields; ++f)
          byte |= (static_cast<unsigned>(u[(v + f * vectors) * outputs + i]) >> shift & ((1U << width) - 1)) << (width * f);
        *to++ = static_cast<uint8_t>(byte);
      }
    shift += width;
  }
}

}  // namespace

WeightCode weight_code_of(const Int8Problem& problem) {
  const int32_t step = problem.w_step % 2 == 0 ? 2 : 1;  // what a larger one would save, unpacking would lose
  return {bits_of_codes((problem.w_most - problem.w_least) / step), problem.w_least, step};
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
  loops_->unpack({.packed = at(first),
                  .bits = code_.bits,
                  .least = code_.least,
                  .step = code_.step,
                  .units = (count + unit_values(*loops_) - 1) / unit_values(*loops_),
                  .w = w});
}

}  // namespace scissionlite::kernels
