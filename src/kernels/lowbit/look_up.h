// Look-ups in tables of sums, for a vector of outputs at a time (arguments.h). Included by the loops of one instruction set only, inside its own
// namespace, after kernels/int8/vec.h.
//
// Of each pixel of a tile: bytes are summed as long as they cannot overflow, then added to words. A word holds two outputs' bytes, even + 256 * odd:
// `whole` is the sum of such words modulo 2^16, `odd` that of their upper bytes, so that even sums are whole - 256 * odd. That is three instructions
// for each `together` look-ups.

// Instructions a cycle as bench/int8_speed measures them beside other ways (of NEON: supposed).
#if defined(__AVX512VBMI__)
constexpr int kGroup = 6;
constexpr double kInstructionsOfCycle = 1.5;
#elif defined(__AVX512BW__) || defined(__AVX2__) || defined(__aarch64__)
constexpr int kGroup = 4;
constexpr double kInstructionsOfCycle = 2;
#else
constexpr int kGroup = 4;
constexpr double kInstructionsOfCycle = 0.2;  // without shuffles of bytes code by code
#endif
constexpr int kEntries = 1 << kGroup;
#if defined(__AVX512BW__)
constexpr int kOutputs = 64, kPixelsOfTile = 8;
#elif defined(__AVX2__)
constexpr int kOutputs = 32, kPixelsOfTile = 4;
#elif defined(__aarch64__)
constexpr int kOutputs = 16, kPixelsOfTile = 8;
#else
constexpr int kOutputs = 16, kPixelsOfTile = 2;
#endif
typedef uint8_t codevec __attribute__((vector_size(kOutputs)));
typedef uint16_t wordvec __attribute__((vector_size(kOutputs)));

/// An entry for each output.
static SCISSIONLITE_INLINE codevec looked_up(const uint8_t* table, codevec codes) {
#if defined(__AVX512VBMI__)
  return reinterpret_cast<codevec>(_mm512_permutexvar_epi8(reinterpret_cast<__m512i>(codes), _mm512_load_si512(table)));
#elif defined(__AVX512BW__)
  return reinterpret_cast<codevec>(
      _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(table))), reinterpret_cast<__m512i>(codes)));
#elif defined(__AVX2__)
  return reinterpret_cast<codevec>(
      _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table))), reinterpret_cast<__m256i>(codes)));
#elif defined(__aarch64__)
  return reinterpret_cast<codevec>(vqtbl1q_u8(vld1q_u8(table), reinterpret_cast<uint8x16_t>(codes)));
#else
  codevec out;
  for (int i = 0; i < kOutputs; ++i) out[i] = table[codes[i] % kEntries];
  return out;
#endif
}

/// Where an output's code lies in a vector of them (place_of_output): bytes 4 i ... 4 i + 3 are outputs i of four vectors of int32, so that no lane
/// moves.
static SCISSIONLITE_INLINE void widen(wordvec whole, wordvec odd, ivec (&sums)[4]) {
  const uvec even = reinterpret_cast<uvec>(whole - (odd << 8)), upper = reinterpret_cast<uvec>(odd);
  sums[0] = reinterpret_cast<ivec>(even & 0xFFFF), sums[1] = reinterpret_cast<ivec>(upper & 0xFFFF);
  sums[2] = reinterpret_cast<ivec>(even >> 16), sums[3] = reinterpret_cast<ivec>(upper >> 16);
}

constexpr int kCodesAhead = 16;  // vectors of codes, which come from L2

/// Sums that fit a byte. Of the two ports for vectors of 64 bytes one alone looks up: a sum that saturates runs on the other one only, where a plain
/// one would take half of its turns on the first (w1a1: 0.67 look-ups a cycle).
static SCISSIONLITE_INLINE codevec added(codevec a, codevec b) {
#if defined(__AVX512BW__)
  return reinterpret_cast<codevec>(_mm512_adds_epu8(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#else
  return a + b;
#endif
}

template <int P>
static void look_ups_of_tile(const LookUpArguments& a, int64_t pixel, int64_t vector) {
  wordvec whole[P] = {}, odd[P] = {};
  uint8_t* const words = a.words + vector * a.words_vector + pixel * 2 * kOutputs;
  if (!a.begins)
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) whole[p] = load_as<wordvec>(words + 2 * p * kOutputs), odd[p] = load_as<wordvec>(words + (2 * p + 1) * kOutputs);
  const uint8_t* codes = a.codes + vector * a.codes_vector;
  const uint8_t* const tables = a.tables + pixel * a.pixel_bytes;
  const int64_t step = a.pixel_bytes, steps = a.steps, together = a.together;
  for (int64_t run = 0; run < a.runs; ++run) {
    const uint8_t* table = tables + a.runs_at[run];
    for (int64_t i = 0; i < steps;) {
      codevec sums[P];
      codevec now = load_as<codevec>(codes);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) sums[p] = looked_up(table + p * step, now);
      const int64_t stop = i + together < steps ? i + together : steps;
      codes += kOutputs, table += kEntries, ++i;
      for (; i < stop; ++i, codes += kOutputs, table += kEntries) {
        now = load_as<codevec>(codes);
        __builtin_prefetch(codes + kCodesAhead * kOutputs);
#pragma GCC unroll 8
        for (int p = 0; p < P; ++p) sums[p] = added(sums[p], looked_up(table + p * step, now));
      }
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        whole[p] += reinterpret_cast<wordvec>(sums[p]);
        odd[p] += reinterpret_cast<wordvec>(sums[p]) >> 8;
      }
    }
  }
  if (!a.ends) {
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p) store_as(words + 2 * p * kOutputs, whole[p]), store_as(words + (2 * p + 1) * kOutputs, odd[p]);
    return;
  }
  int32_t* to = a.sums + vector * a.sums_vector + pixel * kOutputs;
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p, to += kOutputs) {
    ivec sums[4];
    widen(whole[p], odd[p], sums);
    for (int j = 0; j < 4; ++j) {
      if (a.shift > 0) sums[j] <<= a.shift;
      store_as(to + j * kLanes, a.adds ? load_as<ivec>(to + j * kLanes) + sums[j] : sums[j]);
    }
  }
}

template <int P>
static void look_ups_of(const LookUpArguments& a, int64_t pixels, int64_t pixel) {
  if (pixels == P) {
    for (int64_t v = 0; v < a.vectors; ++v) look_ups_of_tile<P>(a, pixel, v);
  } else if constexpr (P > 1) {
    look_ups_of<P - 1>(a, pixels, pixel);
  }
}

/// Any number of pixels, in tiles of nearly the same size; all outputs of a tile while its tables are near.
static void add_look_ups(const LookUpArguments& a) {
  const int64_t tiles = (a.pixels + kPixelsOfTile - 1) / kPixelsOfTile;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t begin = a.pixels * i / tiles, end = a.pixels * (i + 1) / tiles;
    look_ups_of<kPixelsOfTile>(a, end - begin, begin);
  }
}
