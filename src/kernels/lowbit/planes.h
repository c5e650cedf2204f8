// Bytes to bit planes. Included by the loops of one instruction set only, inside its own namespace, after kernels/int8/vec.h.

/// Bit s of eight bytes, side by side.
static SCISSIONLITE_INLINE uint8_t bits_of_word(uint64_t word, int s) { return static_cast<uint8_t>(((word >> s & 0x0101010101010101ULL) * 0x0102040810204080ULL) >> 56); }

static void pack_planes(const PlanesArguments& a) {
  const int bits = a.bits;
  const int64_t plane_bytes = a.plane_bytes, channels = a.channels;
  const uint8_t turned = a.turned, least = a.least;
  for (int64_t p = 0; p < a.pixels; ++p) {
    const uint8_t* const x = a.x + p * a.x_pixel;
    uint8_t* const planes = a.planes + p * a.planes_pixel;
    int64_t c = 0;
#if defined(__AVX512BW__)
    for (; c + 64 <= channels; c += 64) {
      const __m512i v = _mm512_sub_epi8(_mm512_xor_si512(_mm512_loadu_si512(x + c), _mm512_set1_epi8(static_cast<char>(turned))), _mm512_set1_epi8(static_cast<char>(least)));
      for (int s = 0; s < bits; ++s) {
        const uint64_t mask = _mm512_test_epi8_mask(v, _mm512_set1_epi8(static_cast<char>(1 << s)));
        __builtin_memcpy(planes + s * plane_bytes + c / 8, &mask, 8);
      }
    }
#elif defined(__AVX2__)
    for (; c + 32 <= channels; c += 32) {
      const __m256i turn = _mm256_set1_epi8(static_cast<char>(turned)), base = _mm256_set1_epi8(static_cast<char>(least));
      const __m256i v = _mm256_sub_epi8(_mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + c)), turn), base);
      for (int s = 0; s < bits; ++s) {
        const auto mask = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_sll_epi16(v, _mm_cvtsi32_si128(7 - s))));
        __builtin_memcpy(planes + s * plane_bytes + c / 8, &mask, 4);
      }
    }
#endif
    for (; c < channels; c += 8) {
      uint8_t bytes[8] = {};
      for (int64_t i = 0; i < 8 && c + i < channels; ++i) bytes[i] = static_cast<uint8_t>((x[c + i] ^ turned) - least);
      uint64_t word;
      __builtin_memcpy(&word, bytes, 8);
      for (int s = 0; s < bits; ++s) planes[s * plane_bytes + c / 8] = bits_of_word(word, s);
    }
  }
}
