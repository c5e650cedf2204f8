// Weights of 1 to 7 bits as they lie in memory, and back to bytes. Included by the loops of one instruction set only, inside its own namespace, after look_up.h.
//
// A unit is four vectors of bytes. Of the bits of its values the lowest four, then two, then one are a part of their own, as many as there are: two vectors hold the fours of
// all (v, then v + 2 in the upper half of each byte), one the twos (v at bits 2 v), half a vector the ones (of the first half of v at bit 2 v, of the second at 2 v + 1). So a unit of
// p bits has exactly p / 8 of the bytes, in that order.

constexpr int kUnitVectors = 4;

/// The half vector twice.
static SCISSIONLITE_INLINE codevec twice(const uint8_t* half) {
#if defined(__AVX512BW__)
  return reinterpret_cast<codevec>(_mm512_broadcast_i64x4(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(half))));
#elif defined(__AVX2__)
  return reinterpret_cast<codevec>(_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(half))));
#else
  codevec v;
  __builtin_memcpy(&v, half, kOutputs / 2);
  __builtin_memcpy(reinterpret_cast<uint8_t*>(&v) + kOutputs / 2, half, kOutputs / 2);
  return v;
#endif
}

/// kBit where bit 2 v of the first half's byte, or 2 v + 1 of the second half's, is set, else 0.
template <int kBit>
static SCISSIONLITE_INLINE codevec ones_of(codevec bits, int v) {
  codevec place;
  for (int i = 0; i < kOutputs; ++i) place[i] = static_cast<uint8_t>(1 << (2 * v + (i >= kOutputs / 2)));
#if defined(__AVX512BW__)
  return reinterpret_cast<codevec>(_mm512_maskz_set1_epi8(_mm512_test_epi8_mask(reinterpret_cast<__m512i>(bits), reinterpret_cast<__m512i>(place)), static_cast<char>(kBit)));
#else
  return reinterpret_cast<codevec>((bits & place) == place) & (codevec{} + static_cast<uint8_t>(kBit));
#endif
}

/// Each byte's bits from kShift on at their place less kShift, or up where kShift is negative; bits that came from a neighbour are to be masked out.
template <int kShift>
static SCISSIONLITE_INLINE codevec moved(codevec v) {
  if constexpr (kShift > 0) return reinterpret_cast<codevec>(reinterpret_cast<wordvec>(v) >> kShift);
  else if constexpr (kShift < 0) return reinterpret_cast<codevec>(reinterpret_cast<wordvec>(v) << -kShift);
  else return v;
}
static SCISSIONLITE_INLINE codevec all_bytes(int v) { return codevec{} + static_cast<uint8_t>(v); }

/// One unit, without what all weights have more (u of w = least + step * u).
template <int kBits>
static SCISSIONLITE_INLINE void unpack_unit(const uint8_t* from, codevec (&to)[kUnitVectors]) {
  constexpr int kFours = kBits & 4, kTwos = kBits & 2, kOnes = kBits & 1;
  if constexpr (kFours != 0) {
    const codevec a = load_as<codevec>(from), b = load_as<codevec>(from + kOutputs);
    to[0] = a & all_bytes(15), to[1] = b & all_bytes(15);
    to[2] = moved<4>(a) & all_bytes(15), to[3] = moved<4>(b) & all_bytes(15);
    from += 2 * kOutputs;
  }
  if constexpr (kTwos != 0) {
    const codevec a = load_as<codevec>(from);
    const codevec mask = all_bytes(3 << kFours), twos[kUnitVectors] = {moved<-kFours>(a) & mask, moved<2 - kFours>(a) & mask, moved<4 - kFours>(a) & mask, moved<6 - kFours>(a) & mask};
    for (int v = 0; v < kUnitVectors; ++v) to[v] = kFours != 0 ? to[v] | twos[v] : twos[v];
    from += kOutputs;
  }
  if constexpr (kOnes != 0) {
    const codevec bits = twice(from);
    for (int v = 0; v < kUnitVectors; ++v) {
      const codevec ones = ones_of<1 << (kFours + kTwos)>(bits, v);
      to[v] = kFours + kTwos != 0 ? to[v] | ones : ones;
    }
  }
}

template <int kBits>
static void unpack_all(const UnpackArguments& a) {
  const codevec least = all_bytes(a.least);
  const uint8_t* from = a.packed;
  for (int64_t i = 0; i < a.units; ++i, from += kBits * kOutputs / 2) {
    codevec unit[kUnitVectors];
    unpack_unit<kBits>(from, unit);
    for (int v = 0; v < kUnitVectors; ++v) store_as(a.w + (i * kUnitVectors + v) * kOutputs, (a.step == 2 ? unit[v] + unit[v] : unit[v]) + least);
  }
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
