// Products of a row of bytes with weights of few bits: such a product waits for its weights, so these are multiplied as they lie. Included by the
// loops of one instruction set only, inside its own namespace, after unpack.h.
//
// A part of the weights' bits (unpack.h) is masked out of its byte, and where an instruction multiplies any unsigned byte with a signed one, it is
// not even shifted: its products have sums of their own, which are shifted once in the end. Activations are signed: x - 128, whose difference a bias
// takes back.

#if defined(__AVX2__)
/// sum + dot products of four unsigned bytes with four signed ones; without VNNI w is 15 at most.
static SCISSIONLITE_INLINE ivec dot_bytes(ivec sum, codevec w, codevec x) {
#if defined(__AVX512VNNI__)
  return reinterpret_cast<ivec>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(w), reinterpret_cast<__m512i>(x)));
#elif defined(__AVX512BW__)
  return sum + reinterpret_cast<ivec>(
                   _mm512_madd_epi16(_mm512_maddubs_epi16(reinterpret_cast<__m512i>(w), reinterpret_cast<__m512i>(x)), _mm512_set1_epi16(1)));
#else
  return sum + reinterpret_cast<ivec>(
                   _mm256_madd_epi16(_mm256_maddubs_epi16(reinterpret_cast<__m256i>(w), reinterpret_cast<__m256i>(x)), _mm256_set1_epi16(1)));
#endif
}
#else
static SCISSIONLITE_INLINE ivec dot_bytes(ivec sum, codevec w, codevec x) {
  for (int i = 0; i < kOutputs; ++i) sum[i / 4] += w[i] * static_cast<int8_t>(x[i]);
  return sum;
}
#endif
#if defined(__AVX512VNNI__)
constexpr bool kMultipliesInPlace = true;
#else
constexpr bool kMultipliesInPlace = false;
#endif
static SCISSIONLITE_INLINE codevec word_everywhere(const uint8_t* x) {
  int32_t word;
  __builtin_memcpy(&word, x, 4);
  return reinterpret_cast<codevec>(ivec{} + word);
}

/// kMask << kShift of each byte, times x.
template <int kShift, int kMask>
static SCISSIONLITE_INLINE void add_field(ivec& sum, codevec bytes, codevec x) {
  if constexpr (kMultipliesInPlace) sum = dot_bytes(sum, bytes & all_bytes(kMask << kShift), x);
  else sum = dot_bytes(sum, moved<kShift>(bytes) & all_bytes(kMask), x);
}
/// The sum of a field that was multiplied in place.
template <int kShift>
static SCISSIONLITE_INLINE ivec unscaled(ivec sum) {
  return kMultipliesInPlace ? sum >> kShift : sum;
}

/// Sums of one part of the bits by vector of a unit: four of each of two steps.
struct PartSums {
  ivec of[kUnitVectors] = {};
};

template <int kBits>
static void dense_row_of(const LowBitDenseArguments& a) {
  constexpr int kFours = kBits & 4, kTwos = kBits & 2, kOnes = kBits & 1;
  PartSums fours, twos, ones;
  const uint8_t* w = a.packed;
  for (int64_t i = 0; i < a.units; ++i) {
#if defined(__x86_64__)
    for (int line = 0; line < kBits * kOutputs; line += 64) __builtin_prefetch(w + kFetchBytes + line);
#endif
    const codevec x[2] = {word_everywhere(a.x + i * 8), word_everywhere(a.x + i * 8 + 4)};
    if constexpr (kFours != 0) {
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const codevec both = load_as<codevec>(w + v * kOutputs);
        add_field<0, 15>(fours.of[v], both, x[0]);
        add_field<4, 15>(fours.of[v + 4], both, x[1]);
      }
      w += 4 * kOutputs;
    }
    if constexpr (kTwos != 0) {
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) {
        const codevec four = load_as<codevec>(w + v * kOutputs);
        add_field<0, 3>(twos.of[v], four, x[0]);
        add_field<2, 3>(twos.of[v + 2], four, x[0]);
        add_field<4, 3>(twos.of[v + 4], four, x[1]);
        add_field<6, 3>(twos.of[v + 6], four, x[1]);
      }
      w += 2 * kOutputs;
    }
    if constexpr (kOnes != 0) {
      const codevec bits = load_as<codevec>(w);
      add_field<0, 1>(ones.of[0], bits, x[0]);
      add_field<1, 1>(ones.of[1], bits, x[0]);
      add_field<2, 1>(ones.of[2], bits, x[0]);
      add_field<3, 1>(ones.of[3], bits, x[0]);
      add_field<4, 1>(ones.of[4], bits, x[1]);
      add_field<5, 1>(ones.of[5], bits, x[1]);
      add_field<6, 1>(ones.of[6], bits, x[1]);
      add_field<7, 1>(ones.of[7], bits, x[1]);
      w += kOutputs;
    }
  }
  const ivec twos_of[4] = {unscaled<0>(twos.of[0]) + unscaled<4>(twos.of[4]), unscaled<0>(twos.of[1]) + unscaled<4>(twos.of[5]),
                           unscaled<2>(twos.of[2]) + unscaled<6>(twos.of[6]), unscaled<2>(twos.of[3]) + unscaled<6>(twos.of[7])};
  const ivec ones_of[4] = {unscaled<0>(ones.of[0]) + unscaled<4>(ones.of[4]), unscaled<1>(ones.of[1]) + unscaled<5>(ones.of[5]),
                           unscaled<2>(ones.of[2]) + unscaled<6>(ones.of[6]), unscaled<3>(ones.of[3]) + unscaled<7>(ones.of[7])};
  for (int v = 0; v < 4; ++v)
    store_as(a.sums + v * kLanes, fours.of[v] + unscaled<4>(fours.of[v + 4]) + (twos_of[v] << kFours) + (ones_of[v] << (kFours + kTwos)));
}

static void dense_row(const LowBitDenseArguments& a) {
  switch (a.bits) {
    case 1: return dense_row_of<1>(a);
    case 2: return dense_row_of<2>(a);
    case 3: return dense_row_of<3>(a);
    case 4: return dense_row_of<4>(a);
    case 5: return dense_row_of<5>(a);
    case 6: return dense_row_of<6>(a);
    default: return dense_row_of<7>(a);
  }
}

/// x of a row as signed bytes: each xor `turned`, to `row`, which may be x. @return sum(row + 128).
static int32_t turn_row(const uint8_t* x, int64_t count, uint8_t turned, uint8_t* row) {
  const codevec ones = all_bytes(1), turns = all_bytes(turned);
  ivec sums{};
  int64_t i = 0;
  for (; i + kOutputs <= count; i += kOutputs) {
    const codevec values = load_as<codevec>(x + i) ^ turns;
    store_as(row + i, values);
    sums = dot_bytes(sums, ones, values);
  }
  auto sum = static_cast<int32_t>(count * 128);
#if defined(__AVX512BW__)
  if (i < count) {
    const __mmask64 left = ~uint64_t{0} >> (kOutputs - (count - i));
    const __m512i values = _mm512_xor_si512(_mm512_maskz_loadu_epi8(left, x + i), _mm512_maskz_set1_epi8(left, static_cast<char>(turned)));
    _mm512_mask_storeu_epi8(row + i, left, values);
    sums = dot_bytes(sums, ones, reinterpret_cast<codevec>(values));
  }
  return sum + _mm512_reduce_add_epi32(reinterpret_cast<__m512i>(sums));
#else
  for (; i < count; ++i) row[i] = x[i] ^ turned, sum += static_cast<int8_t>(row[i]);
  for (int lane = 0; lane < kLanes; ++lane) sum += sums[lane];
  return sum;
#endif
}
