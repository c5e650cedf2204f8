// Weights of 1 to 7 bits as they lie in memory, and back to bytes. Included by the loops of one instruction set only, inside its own namespace, after
// look_up.h.
//
// A unit is eight vectors of bytes. Of the bits of its values the lowest four, then two, then one are a part of their own, as many as there are: four
// vectors hold the fours of all (v, and v + 4 in the upper half of each byte), two the twos (those of v and v + 2, v + 4, v + 6 at bits 2, 4, 6), one
// the ones (v at bit v). So a unit of p bits has exactly p / 8 of the bytes, in that order.

constexpr int kUnitVectors = 8;

/// Each byte's bits from kShift on at their place less kShift, or up where kShift is negative; bits that came from a neighbour are to be masked out.
template <int kShift>
static SCISSIONLITE_INLINE codevec moved(codevec v) {
  if constexpr (kShift > 0) return reinterpret_cast<codevec>(reinterpret_cast<wordvec>(v) >> kShift);
  else if constexpr (kShift < 0) return reinterpret_cast<codevec>(reinterpret_cast<wordvec>(v) << -kShift);
  else return v;
}
static SCISSIONLITE_INLINE codevec all_bytes(int v) { return codevec{} + static_cast<uint8_t>(v); }

/// kBit where bit v is set, else 0.
template <int kBit>
static SCISSIONLITE_INLINE codevec ones_of(codevec bits, int v) {
  const codevec place = all_bytes(1 << v);
#if defined(__AVX512BW__)
  return reinterpret_cast<codevec>(
      _mm512_maskz_set1_epi8(_mm512_test_epi8_mask(reinterpret_cast<__m512i>(bits), reinterpret_cast<__m512i>(place)), static_cast<char>(kBit)));
#else
  return reinterpret_cast<codevec>((bits & place) == place) & all_bytes(kBit);
#endif
}

/// One unit, without what all weights have more (u of w = least + step * u).
template <int kBits>
static SCISSIONLITE_INLINE void unpack_unit(const uint8_t* from, codevec (&to)[kUnitVectors]) {
  constexpr int kFours = kBits & 4, kTwos = kBits & 2, kOnes = kBits & 1;
  if constexpr (kFours != 0) {
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
      const codevec both = load_as<codevec>(from + v * kOutputs);
      to[v] = both & all_bytes(15), to[v + 4] = moved<4>(both) & all_bytes(15);
    }
    from += 4 * kOutputs;
  }
  if constexpr (kTwos != 0) {
    const codevec mask = all_bytes(3 << kFours);
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      const codevec four = load_as<codevec>(from + v * kOutputs);
      const codevec twos[4] = {moved<-kFours>(four) & mask, moved<2 - kFours>(four) & mask, moved<4 - kFours>(four) & mask,
                               moved<6 - kFours>(four) & mask};
      for (int i = 0; i < 4; ++i) to[v + 2 * i] = kFours != 0 ? to[v + 2 * i] | twos[i] : twos[i];
    }
    from += 2 * kOutputs;
  }
  if constexpr (kOnes != 0) {
    const codevec bits = load_as<codevec>(from);
#pragma GCC unroll 8
    for (int v = 0; v < kUnitVectors; ++v) {
      const codevec ones = ones_of<1 << (kFours + kTwos)>(bits, v);
      to[v] = kFours + kTwos != 0 ? to[v] | ones : ones;
    }
  }
}

template <int kBits, bool kIsDoubled>
static void unpack_units(const uint8_t* from, int64_t units, codevec least, int8_t* to) {
  for (int64_t i = 0; i < units; ++i, from += kBits * kOutputs, to += kUnitVectors * kOutputs) {
    codevec unit[kUnitVectors];
    unpack_unit<kBits>(from, unit);
#pragma GCC unroll 8
    for (int v = 0; v < kUnitVectors; ++v) store_as(to + v * kOutputs, (kIsDoubled ? unit[v] + unit[v] : unit[v]) + least);
  }
}
template <int kBits>
static void unpack_all(const UnpackArguments& a) {
  if (a.step == 2) unpack_units<kBits, true>(a.packed, a.units, all_bytes(a.least), a.w);
  else unpack_units<kBits, false>(a.packed, a.units, all_bytes(a.least), a.w);
}

static void unpack(const UnpackArguments& a) {
  switch (a.bits) {
    case 1: return unpack_all<1>(a);
    case 2: return unpack_all<2>(a);
    case 3: return unpack_all<3>(a);
    case 4: return unpack_all<4>(a);
    case 5: return unpack_all<5>(a);
    case 6: return unpack_all<6>(a);
    default: return unpack_all<7>(a);
  }
}
