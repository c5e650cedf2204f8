// Bytes to bit planes and back. Included by the loops of one instruction set only, inside its own namespace, after look_up.h.

/// Bit s of eight bytes, side by side.
static SCISSIONLITE_INLINE uint8_t bits_of_word(uint64_t word, int s) { return static_cast<uint8_t>(((word >> s & 0x0101010101010101ULL) * 0x0102040810204080ULL) >> 56); }
/// Eight bits as eight bytes of 0 or 1.
static SCISSIONLITE_INLINE uint64_t word_of_bits(uint8_t bits) { return ((bits * 0x0101010101010101ULL & 0x8040201008040201ULL) + 0x7F7F7F7F7F7F7F7FULL) >> 7 & 0x0101010101010101ULL; }

/// The planes of a vector of bytes, of which `count` are there; the rest have to be 0.
static SCISSIONLITE_INLINE void store_planes(codevec v, int64_t count, int bits, uint8_t* planes, int64_t plane_bytes) {
  const int64_t bytes = (count + 7) / 8;
  for (int s = 0; s < bits; ++s) {
#if defined(__AVX512BW__)
    const uint64_t mask = _mm512_test_epi8_mask(reinterpret_cast<__m512i>(v), _mm512_set1_epi8(static_cast<char>(1 << s)));
#elif defined(__AVX2__)
    const auto mask = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_sll_epi16(reinterpret_cast<__m256i>(v), _mm_cvtsi32_si128(7 - s))));
#else
    uint64_t words[2];
    __builtin_memcpy(words, &v, sizeof words);
    const auto mask = static_cast<uint16_t>(bits_of_word(words[0], s) | bits_of_word(words[1], s) << 8);
#endif
    if (bytes == kOutputs / 8) __builtin_memcpy(planes + s * plane_bytes, &mask, kOutputs / 8);
    else __builtin_memcpy(planes + s * plane_bytes, &mask, static_cast<size_t>(bytes));
  }
}

static void pack_planes(const PackPlanesArguments& a) {
  const codevec turned = codevec{} + a.turned, least = codevec{} + a.least;
  for (int64_t p = 0; p < a.pixels; ++p) {
    const uint8_t* const x = a.x + p * a.x_pixel;
    uint8_t* const planes = a.planes + p * a.planes_pixel;
    int64_t c = 0;
    for (; c + kOutputs <= a.channels; c += kOutputs) store_planes((load_as<codevec>(x + c) ^ turned) - least, kOutputs, a.bits, planes + c / 8, a.plane_bytes);
    if (c == a.channels) continue;
    uint8_t bytes[kOutputs] = {};
    for (int64_t i = 0; i < a.channels - c; ++i) bytes[i] = static_cast<uint8_t>((x[c + i] ^ a.turned) - a.least);
    store_planes(load_as<codevec>(bytes), a.channels - c, a.bits, planes + c / 8, a.plane_bytes);
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
