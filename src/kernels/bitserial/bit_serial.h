// Sums of products of bit planes, for one vector of outputs and tiles of pixels (arguments.h). Included by the loops of one instruction set only,
// inside its own namespace, after counts.h and kernels/spaced_words.h.

// How many adders save counts, and pixels whose adders and counts registers hold. Cycles as bench/int8_speed measures them beside other ways (of
// NEON: counted).
#if defined(__AVX512VPOPCNTDQ__)
constexpr int kDepth = 1, kPixelsOfTile = 8;
constexpr BitSerialCycles kCycles{.word = 1.22, .pixel = 3};
#elif defined(__AVX512BW__)
constexpr int kDepth = 3, kPixelsOfTile = 4;
constexpr BitSerialCycles kCycles{.word = 1.47, .pixel = 17};
#elif defined(__AVX2__)
constexpr int kDepth = 1, kPixelsOfTile = 4;
constexpr BitSerialCycles kCycles{.word = 2.75, .pixel = 17};
#elif defined(__aarch64__)
constexpr int kDepth = 0, kPixelsOfTile = 8;
constexpr BitSerialCycles kCycles{.word = 1.5, .pixel = 10};
#else
constexpr int kDepth = 2, kPixelsOfTile = 2;
constexpr BitSerialCycles kCycles{.word = 2.15, .pixel = 34};
#endif
constexpr int kWordsAtOnce = 1 << kDepth, kWordsUnit = kDepth > 0 ? 2 : 1;

/// What adders keep: bits of 2^level of each pixel.
template <int P>
struct Adders {
  uvec of[kDepth > 0 ? kDepth : 1][P] = {};
};

/// Products of 2^L words of each pixel, from word `at[0]` on: what is carried from L levels of adders.
template <int L, int P>
static SCISSIONLITE_INLINE void add_words(Adders<P>& adders, const SpacedWords<P>& x, const int64_t* at, const uint32_t* w, uvec (&carries)[P]) {
  const auto x_of = [&](int p, int i) { return reinterpret_cast<uvec>(x.value(p, at[i])); };
  if constexpr (L == 0) {
    const uvec w0 = load_as<uvec>(w);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) carries[p] = w0 & x_of(p, 0);
  } else if constexpr (L == 1) {
    const uvec w0 = load_as<uvec>(w), w1 = load_as<uvec>(w + kLanes);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) carries[p] = add_products(adders.of[0][p], w0, x_of(p, 0), w1, x_of(p, 1));
  } else {
    constexpr int kHalf = 1 << (L - 1);
    uvec first[P];
    add_words<L - 1>(adders, x, at, w, first);
    add_words<L - 1>(adders, x, at + kHalf, w + kHalf * kLanes, carries);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) carries[p] = add_carries(adders.of[L - 1][p], first[p], carries[p]);
  }
}

/// What is left of words, less than kWordsAtOnce: 2^L and 2^(L - 1) ... of them, with nothing else to add in the levels from L on.
template <int L, int P>
static SCISSIONLITE_INLINE void add_rest(Adders<P>& adders, const SpacedWords<P>& x, const int64_t* at, const uint32_t* w, int64_t words,
                                         uvec (&counts)[P]) {
  if constexpr (L > 0) {
    constexpr int kWords = 1 << L;
    if (words & kWords) {
      uvec carries[P];
      add_words<L>(adders, x, at, w, carries);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
#pragma GCC unroll 4
        for (int l = L; l < kDepth; ++l) {
          const uvec sum = adders.of[l][p];
          adders.of[l][p] = sum ^ carries[p];
          carries[p] &= sum;
        }
        counts[p] += bits_of_lanes(carries[p]);
      }
      at += kWords, w += kWords * kLanes;
    }
    add_rest<L - 1>(adders, x, at, w, words, counts);
  }
}

/// counts[p] += of one pair of planes, in steps of 2^kDepth.
template <int P>
static SCISSIONLITE_INLINE void count_planes(Adders<P>& adders, const BitSerialArguments& a, const uint8_t* x_plane, const uint32_t* w,
                                             uvec (&counts)[P]) {
  const SpacedWords<P> x(x_plane, a.x_pixel);
  const int64_t* const at = a.at;
  const int64_t words = a.words / kWordsAtOnce * kWordsAtOnce;
  uvec carries[P];
  if constexpr (kCountsLanes) {
    for (int64_t i = 0; i < words; i += kWordsAtOnce, w += kWordsAtOnce * kLanes) {
      add_words<kDepth>(adders, x, at + i, w, carries);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) counts[p] += counted(carries[p]);
    }
  } else {
    for (int64_t i = 0; i < words;) {
      const int64_t stop = i + kMostCounts * kWordsAtOnce < words ? i + kMostCounts * kWordsAtOnce : words;
      bytes4 of_bytes[P] = {};
      for (; i < stop; i += kWordsAtOnce, w += kWordsAtOnce * kLanes) {
        add_words<kDepth>(adders, x, at + i, w, carries);
#pragma GCC unroll 16
        for (int p = 0; p < P; ++p) of_bytes[p] += reinterpret_cast<bytes4>(counted(carries[p]));
      }
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) counts[p] += sums_of_bytes(reinterpret_cast<uvec>(of_bytes[p]));
    }
  }
  add_rest<kDepth - 1>(adders, x, at + words, w, a.words, counts);
}

/// Pairs of planes of the largest s + t first: what is summed is doubled before the next.
template <int P>
static void count_tile(const BitSerialArguments& a, int64_t pixel) {
  const uint8_t* const x = a.x + pixel * a.x_pixel;
  int32_t* const to = a.sums + pixel * a.sums_pixel;
  const int most = a.x_bits + a.w_bits - 2;
  for (int level = most; level >= 0; --level) {
    Adders<P> adders;
    uvec counts[P] = {};
    const int first = level - a.x_bits + 1 > 0 ? level - a.x_bits + 1 : 0, last = level < a.w_bits - 1 ? level : a.w_bits - 1;
    for (int t = first; t <= last; ++t) count_planes(adders, a, x + (level - t) * a.x_plane, a.w + t * a.words * kLanes, counts);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      uvec sum = counts[p] << kDepth;
#pragma GCC unroll 4
      for (int l = 0; l < kDepth; ++l) sum += bits_of_lanes(adders.of[l][p]) << l;
      if (level != most) sum += load_as<uvec>(to + p * a.sums_pixel) << 1;
      store_as(to + p * a.sums_pixel, sum);
    }
  }
}

template <int P>
static void count_tile_of(const BitSerialArguments& a, int64_t pixels, int64_t pixel) {
  if (pixels == P) count_tile<P>(a, pixel);
  else if constexpr (P > 1) count_tile_of<P - 1>(a, pixels, pixel);
}

/// Any number of pixels, in tiles of nearly the same size.
static void count_bits(const BitSerialArguments& a) {
  const int64_t tiles = (a.pixels + kPixelsOfTile - 1) / kPixelsOfTile;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t begin = a.pixels * i / tiles, end = a.pixels * (i + 1) / tiles;
    count_tile_of<kPixelsOfTile>(a, end - begin, begin);
  }
}

static void sum_planes(const PlaneSumsArguments& a) {
  const int64_t whole = (a.bytes - 1) / 8 * 8;
  const uint64_t rest = ~0ULL >> 8 * (8 - (a.bytes - whole));  // little endian: the first bytes
  for (int64_t p = 0; p < a.pixels; ++p) {
    uint32_t sum = 0;
    for (int s = 0; s < a.bits; ++s) {
      const uint8_t* const plane = a.planes + p * a.planes_pixel + s * a.plane_bytes;
      uint32_t count = static_cast<uint32_t>(__builtin_popcountll(load_as<uint64_t>(plane + whole) & rest));
      for (int64_t i = 0; i < whole; i += 8) count += static_cast<uint32_t>(__builtin_popcountll(load_as<uint64_t>(plane + i)));
      sum += count << s;
    }
    a.sums[p * a.sums_pixel] = static_cast<int32_t>(sum);
  }
}
