// Counts of bits, and adders of single bits. Included by the loops of one instruction set only, inside its own namespace, after kernels/int8/vec.h.

#if defined(__AVX512VPOPCNTDQ__)
constexpr bool kCountsLanes = true;  // else bytes
#else
constexpr bool kCountsLanes = false;
#endif
constexpr int kMostCounts = 31;  // whose sum fits a byte

/// How many bits of each lane are set, or of each byte.
static SCISSIONLITE_INLINE uvec counted(uvec v) {
#if defined(__AVX512VPOPCNTDQ__)
  return reinterpret_cast<uvec>(_mm512_popcnt_epi32(reinterpret_cast<__m512i>(v)));
#elif defined(__AVX512BW__)
  const __m512i known = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  const uvec low = v & 0x0F0F0F0F, high = v >> 4 & 0x0F0F0F0F;
  return reinterpret_cast<uvec>(
      _mm512_add_epi8(_mm512_shuffle_epi8(known, reinterpret_cast<__m512i>(low)), _mm512_shuffle_epi8(known, reinterpret_cast<__m512i>(high))));
#elif defined(__AVX2__)
  const __m256i known = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
  const uvec low = v & 0x0F0F0F0F, high = v >> 4 & 0x0F0F0F0F;
  return reinterpret_cast<uvec>(
      _mm256_add_epi8(_mm256_shuffle_epi8(known, reinterpret_cast<__m256i>(low)), _mm256_shuffle_epi8(known, reinterpret_cast<__m256i>(high))));
#elif defined(__aarch64__)
  return reinterpret_cast<uvec>(vcntq_u8(reinterpret_cast<uint8x16_t>(v)));
#else
  v -= v >> 1 & 0x55555555;
  v = (v & 0x33333333) + (v >> 2 & 0x33333333);
  return (v + (v >> 4)) & 0x0F0F0F0F;
#endif
}

/// The sum of each lane's four bytes.
static SCISSIONLITE_INLINE uvec sums_of_bytes(uvec v) {
#if defined(__AVX512BW__)
  return reinterpret_cast<uvec>(_mm512_madd_epi16(_mm512_maddubs_epi16(reinterpret_cast<__m512i>(v), _mm512_set1_epi8(1)), _mm512_set1_epi16(1)));
#elif defined(__AVX2__)
  return reinterpret_cast<uvec>(_mm256_madd_epi16(_mm256_maddubs_epi16(reinterpret_cast<__m256i>(v), _mm256_set1_epi8(1)), _mm256_set1_epi16(1)));
#elif defined(__aarch64__)
  return reinterpret_cast<uvec>(vpaddlq_u16(vpaddlq_u8(reinterpret_cast<uint8x16_t>(v))));
#else
  v = (v & 0x00FF00FF) + (v >> 8 & 0x00FF00FF);
  return (v & 0xFFFF) + (v >> 16);
#endif
}
static SCISSIONLITE_INLINE uvec bits_of_lanes(uvec v) { return kCountsLanes ? counted(v) : sums_of_bytes(counted(v)); }

/// sum + w0 * x0 + w1 * x1, bit by bit: what is even stays in `sum`, the carry is returned.
static SCISSIONLITE_INLINE uvec add_products(uvec& sum, uvec w0, uvec x0, uvec w1, uvec x1) {
#if defined(__AVX512F__)
  // Three instructions for two products: of the sum's bit before, between and behind them the carry follows. Each result takes the place of an
  // operand that is not needed any more (the first), so that nothing is copied.
  const auto m = [](uvec v) { return reinterpret_cast<__m512i>(v); };
  const __m512i between = _mm512_ternarylogic_epi32(m(x0), m(w0), m(sum), 0x6A);  // (a & b) ^ c
  const __m512i behind = _mm512_ternarylogic_epi32(m(x1), m(w1), between, 0x6A);
  const __m512i carry = _mm512_ternarylogic_epi32(m(sum), between, behind, 0x74);  // b ? ~c : a
  sum = reinterpret_cast<uvec>(behind);
  return reinterpret_cast<uvec>(carry);
#else
  const uvec first = w0 & x0, second = w1 & x1, between = sum ^ first;
#if defined(__aarch64__)
  const uvec carry = reinterpret_cast<uvec>(
      vbslq_u32(reinterpret_cast<uint32x4_t>(between), reinterpret_cast<uint32x4_t>(second), reinterpret_cast<uint32x4_t>(sum)));
#else
  const uvec carry = (sum & first) | (between & second);
#endif
  sum = between ^ second;
  return carry;
#endif
}

/// sum + a + b, likewise.
static SCISSIONLITE_INLINE uvec add_carries(uvec& sum, uvec a, uvec b) {
#if defined(__AVX512F__)
  const auto m = [](uvec v) { return reinterpret_cast<__m512i>(v); };
  const __m512i carry = _mm512_ternarylogic_epi32(m(sum), m(a), m(b), 0xE8);
  sum = reinterpret_cast<uvec>(_mm512_ternarylogic_epi32(m(sum), m(a), m(b), 0x96));
  return reinterpret_cast<uvec>(carry);
#else
  const uvec between = sum ^ a;
#if defined(__aarch64__)
  const uvec carry =
      reinterpret_cast<uvec>(vbslq_u32(reinterpret_cast<uint32x4_t>(between), reinterpret_cast<uint32x4_t>(b), reinterpret_cast<uint32x4_t>(sum)));
#else
  const uvec carry = (sum & a) | (between & b);
#endif
  sum = between ^ b;
  return carry;
#endif
}
