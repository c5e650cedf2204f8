// Products of one to three rows of bytes with weights of few bits, which are unpacked in registers: such a product waits for its weights. Included by the loops of one
// instruction set only, inside its own namespace, after unpack.h.

#if defined(__AVX2__)
/// sum + dot products of four unsigned bytes with four of at most kMostOfDense.
static SCISSIONLITE_INLINE ivec dot_bytes(ivec sum, codevec x, codevec w) {
#if defined(__AVX512VNNI__)
  return reinterpret_cast<ivec>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(w)));
#elif defined(__AVX512BW__)
  return sum + reinterpret_cast<ivec>(_mm512_madd_epi16(_mm512_maddubs_epi16(reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(w)), _mm512_set1_epi16(1)));
#else
  return sum + reinterpret_cast<ivec>(_mm256_madd_epi16(_mm256_maddubs_epi16(reinterpret_cast<__m256i>(x), reinterpret_cast<__m256i>(w)), _mm256_set1_epi16(1)));
#endif
}
#else
static SCISSIONLITE_INLINE ivec dot_bytes(ivec sum, codevec x, codevec w) {
  for (int i = 0; i < kOutputs; ++i) sum[i / 4] += x[i] * w[i];
  return sum;
}
#endif
static SCISSIONLITE_INLINE codevec word_everywhere(const uint8_t* x) {
  int32_t word;
  __builtin_memcpy(&word, x, 4);
  return reinterpret_cast<codevec>(ivec{} + word);
}

/// Steps in twos, with sums of their own: an instruction that adds to a sum waits for the one before.
template <int kBits, int M>
static void dense_rows_of(const LowBitDenseArguments& a) {
  ivec sums[2][M][kUnitVectors] = {};
  const uint8_t* w = a.packed;
  constexpr int64_t kUnitBytes = kBits * kOutputs / 2;
  const auto step = [&](int64_t i, ivec(&to)[M][kUnitVectors]) {
    codevec unit[kUnitVectors];
#if defined(__x86_64__)
    __builtin_prefetch(w + kFetchBytes);
    if constexpr (kUnitBytes > 64) __builtin_prefetch(w + kFetchBytes + 64);
    if constexpr (kUnitBytes > 128) __builtin_prefetch(w + kFetchBytes + 128);
#endif
    unpack_unit<kBits>(w, unit);
    w += kUnitBytes;
    for (int m = 0; m < M; ++m) {
      const codevec x = word_everywhere(a.x + m * a.x_row + i * 4);
      for (int v = 0; v < kUnitVectors; ++v) to[m][v] = dot_bytes(to[m][v], x, unit[v]);
    }
  };
  int64_t i = 0;
  for (; i + 2 <= a.steps; i += 2) step(i, sums[0]), step(i + 1, sums[1]);
  if (i < a.steps) step(i, sums[0]);
  for (int m = 0; m < M; ++m)
    for (int v = 0; v < kUnitVectors; ++v) store_as(a.sums + m * a.sums_row + v * kLanes, sums[0][m][v] + sums[1][m][v]);
}

template <int kBits>
static void dense_rows_of_bits(const LowBitDenseArguments& a) {
  if (a.rows == 1) dense_rows_of<kBits, 1>(a);
  else if (a.rows == 2) dense_rows_of<kBits, 2>(a);
  else dense_rows_of<kBits, 3>(a);
}

static void dense_rows(const LowBitDenseArguments& a) {
  switch (a.bits) {
    case 1: return dense_rows_of_bits<1>(a);
    case 2: return dense_rows_of_bits<2>(a);
    case 3: return dense_rows_of_bits<3>(a);
    case 4: return dense_rows_of_bits<4>(a);
    case 5: return dense_rows_of_bits<5>(a);
    case 6: return dense_rows_of_bits<6>(a);
    default: return dense_rows_of_bits<7>(a);
  }
}
