// Bytes to bit planes and back. Included by the loops of one instruction set only, inside its own namespace, after look_up.h.

typedef uint8_t eightbytes __attribute__((vector_size(8)));

/// Bit s of eight bytes, side by side.
static SCISSIONLITE_INLINE uint8_t bits_of_word(uint64_t word, int s) {
  return static_cast<uint8_t>(((word >> s & 0x0101010101010101ULL) * 0x0102040810204080ULL) >> 56);
}
/// Eight bits as eight bytes of 0 or 1.
static SCISSIONLITE_INLINE uint64_t word_of_bits(uint8_t bits) {
  return ((bits * 0x0101010101010101ULL & 0x8040201008040201ULL) + 0x7F7F7F7F7F7F7F7FULL) >> 7 & 0x0101010101010101ULL;
}

/// Up to eight bytes.
static SCISSIONLITE_INLINE void store_some(uint8_t* to, uint64_t word, int64_t bytes) {
  if (bytes == 8) __builtin_memcpy(to, &word, 8);
  else if (bytes == 4) __builtin_memcpy(to, &word, 4);
  else if (bytes == 2) __builtin_memcpy(to, &word, 2);
  else
    for (int64_t i = 0; i < bytes; ++i, word >>= 8) to[i] = static_cast<uint8_t>(word);
}

/// The planes of a vector of bytes, of which `count` are there; the rest have to be 0.
static SCISSIONLITE_INLINE void store_planes(codevec v, int64_t count, int bits, uint8_t* planes, int64_t plane_bytes) {
  for (int s = 0; s < bits; ++s) {
#if defined(__AVX512BW__)
    const uint64_t mask = _mm512_test_epi8_mask(reinterpret_cast<__m512i>(v), _mm512_set1_epi8(static_cast<char>(1 << s)));
#elif defined(__AVX2__)
    const uint64_t mask = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_sll_epi16(reinterpret_cast<__m256i>(v), _mm_cvtsi32_si128(7 - s))));
#else
    uint64_t words[2];
    __builtin_memcpy(words, &v, sizeof words);
    const uint64_t mask = static_cast<uint64_t>(bits_of_word(words[0], s)) | static_cast<uint64_t>(bits_of_word(words[1], s)) << 8;
#endif
    store_some(planes + s * plane_bytes, mask, (count + 7) / 8);
  }
}

static void pack_planes(const PackPlanesArguments& a) {
  const int bits = a.bits;
  const int64_t plane_bytes = a.plane_bytes, channels = a.channels;
  for (int64_t p = 0; p < a.pixels; ++p) {
    const uint8_t* const x = a.x + p * a.x_pixel;
    uint8_t* const planes = a.planes + p * a.planes_pixel;
#if defined(__AVX512BW__)
    const __m512i turn = _mm512_set1_epi8(static_cast<char>(a.turned)), base = _mm512_set1_epi8(static_cast<char>(a.least));
    for (int64_t c = 0; c < channels; c += 64) {
      const int64_t count = channels - c < 64 ? channels - c : 64;
      const __mmask64 there = ~0ULL >> (64 - count);
      const __m512i v = _mm512_sub_epi8(_mm512_xor_si512(_mm512_maskz_loadu_epi8(there, x + c), turn), base);
      for (int s = 0; s < bits; ++s)
        store_some(planes + s * plane_bytes + c / 8, _mm512_mask_test_epi8_mask(there, v, _mm512_set1_epi8(static_cast<char>(1 << s))),
                   (count + 7) / 8);
    }
#else
    int64_t c = 0;
#if defined(__AVX2__)
    const __m256i turn = _mm256_set1_epi8(static_cast<char>(a.turned)), base = _mm256_set1_epi8(static_cast<char>(a.least));
    for (; c + 32 <= channels; c += 32) {
      const __m256i v = _mm256_sub_epi8(_mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + c)), turn), base);
      for (int s = 0; s < bits; ++s) {
        const auto mask = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_sll_epi16(v, _mm_cvtsi32_si128(7 - s))));
        __builtin_memcpy(planes + s * plane_bytes + c / 8, &mask, 4);
      }
    }
#endif
    for (; c < channels; c += 8) {
      eightbytes v = {};
      if (channels - c >= 8) v = load_as<eightbytes>(x + c);
      else
        for (int64_t i = 0; i < channels - c; ++i) v[i] = x[c + i];
      v = (v ^ a.turned) - a.least;
      const uint64_t there = channels - c >= 8 ? ~0ULL : (1ULL << (channels - c) * 8) - 1, word = reinterpret_cast<uint64_t>(v) & there;
      for (int s = 0; s < bits; ++s) planes[s * plane_bytes + c / 8] = bits_of_word(word, s);
    }
#endif
  }
}

static void unpack_planes(const uint8_t* planes, int64_t pixels, int64_t channels, int bits, uint8_t* y) {
  const int64_t plane_bytes = (channels + 7) / 8;
  for (int64_t p = 0; p < pixels; ++p, planes += bits * plane_bytes, y += channels)
    for (int64_t c = 0; c < channels; c += 8) {
      uint64_t word = 0;
      for (int s = 0; s < bits; ++s) word |= word_of_bits(planes[s * plane_bytes + c / 8]) << s;
      __builtin_memcpy(y + c, &word, static_cast<size_t>(channels - c < 8 ? channels - c : 8));
    }
}
