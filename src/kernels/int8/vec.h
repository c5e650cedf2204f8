// Vectors of the instruction set that this file is compiled for. Included by the loops of one instruction set only, inside its own
// namespace, after <cstdint> and arguments.h.

#if defined(__AVX512BW__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef int32_t ivec __attribute__((vector_size(kLanes * 4)));
typedef uint32_t uvec __attribute__((vector_size(kLanes * 4)));  // whose sums wrap
typedef float fvec __attribute__((vector_size(kLanes * 4)));
typedef int16_t svec __attribute__((vector_size(kLanes * 4)));
typedef uint8_t bytes4 __attribute__((vector_size(kLanes * 4)));  // four a lane
typedef int8_t sbytes4 __attribute__((vector_size(kLanes * 4)));
typedef uint8_t ubytes __attribute__((vector_size(kLanes)));  // as many as lanes
typedef int8_t sbytes __attribute__((vector_size(kLanes)));
typedef uint8_t ubytes2 __attribute__((vector_size(kLanes * 2)));  // as many as 16-bit values
typedef int8_t sbytes2 __attribute__((vector_size(kLanes * 2)));

#define SCISSIONLITE_INLINE __attribute__((always_inline)) inline

template <typename V, typename T>
static SCISSIONLITE_INLINE V load_as(const T* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof(V));
  return v;
}
template <typename V, typename T>
static SCISSIONLITE_INLINE void store_as(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof(V));
}
static SCISSIONLITE_INLINE fvec all(float v) { return v - fvec{}; }
static SCISSIONLITE_INLINE ivec all(int32_t v) { return v - ivec{}; }

/// sum + w[2i] * x[2i] + w[2i + 1] * x[2i + 1], modulo 2^32.
static SCISSIONLITE_INLINE ivec dot2(ivec sum, svec w, svec x) {
#if defined(__AVX512VNNI__)
  return reinterpret_cast<ivec>(_mm512_dpwssd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(w), reinterpret_cast<__m512i>(x)));
#elif defined(__AVX512BW__)
  return sum + reinterpret_cast<ivec>(_mm512_madd_epi16(reinterpret_cast<__m512i>(w), reinterpret_cast<__m512i>(x)));
#elif defined(__AVX2__)
  return sum + reinterpret_cast<ivec>(_mm256_madd_epi16(reinterpret_cast<__m256i>(w), reinterpret_cast<__m256i>(x)));
#elif defined(__SSE2__)
  return sum + reinterpret_cast<ivec>(_mm_madd_epi16(reinterpret_cast<__m128i>(w), reinterpret_cast<__m128i>(x)));
#else  // little endian: the even value is the low half
  const ivec ws = reinterpret_cast<ivec>(w), xs = reinterpret_cast<ivec>(x);
  return sum + ((ws << 16) >> 16) * ((xs << 16) >> 16) + (ws >> 16) * (xs >> 16);
#endif
}

static SCISSIONLITE_INLINE svec all(int16_t v) { return v - svec{}; }

#if defined(__AVX2__) && !defined(__AVX512VNNI__)
/// w[2i] * x[2i] + w[2i + 1] * x[2i + 1] in 16 bits.
static SCISSIONLITE_INLINE svec products(bytes4 w, bytes4 x) {
#if defined(__AVX512BW__)
  return reinterpret_cast<svec>(_mm512_maddubs_epi16(reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(w)));
#else
  return reinterpret_cast<svec>(_mm256_maddubs_epi16(reinterpret_cast<__m256i>(x), reinterpret_cast<__m256i>(w)));
#endif
}
#endif

#if defined(__AVX2__)
/// sum + w[4i] * x[4i] + ... + w[4i + 3] * x[4i + 3], signed weights and unsigned x. Without VNNI each pair of products is summed in 16 bits.
static SCISSIONLITE_INLINE ivec dot4(ivec sum, bytes4 w, bytes4 x) {
#if defined(__AVX512VNNI__)
  return reinterpret_cast<ivec>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum), reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(w)));
#else
  return dot2(sum, products(w, x), all(int16_t{1}));
#endif
}
#endif

/// Pairs (a[i], b[i]) of one half of each 128 bits, and of the other half.
static SCISSIONLITE_INLINE void interleave(svec a, svec b, svec& first, svec& second) {
#if defined(__AVX512BW__)
  first = reinterpret_cast<svec>(_mm512_unpacklo_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
  second = reinterpret_cast<svec>(_mm512_unpackhi_epi16(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  first = reinterpret_cast<svec>(_mm256_unpacklo_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
  second = reinterpret_cast<svec>(_mm256_unpackhi_epi16(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#else
  first = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  second = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
#endif
}
/// Which channel stands at each place after `interleave`.
#if defined(__AVX512BW__)
constexpr int kInterleaved[] = {0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31};
#elif defined(__AVX2__)
constexpr int kInterleaved[] = {0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15};
#else
constexpr int kInterleaved[] = {0, 1, 2, 3, 4, 5, 6, 7};
#endif

/// In two instructions, where a comparison and a choice would be four.
static SCISSIONLITE_INLINE fvec bounded(fvec v, fvec low, fvec high) {
#if defined(__AVX512BW__)
  return _mm512_min_ps(_mm512_max_ps(v, low), high);
#elif defined(__AVX2__)
  return _mm256_min_ps(_mm256_max_ps(v, low), high);
#elif defined(__SSE2__)
  return _mm_min_ps(_mm_max_ps(v, low), high);
#else
  v = v > low ? v : low;
  return v < high ? v : high;
#endif
}

/// x * y + z, rounded once where an instruction does so.
static SCISSIONLITE_INLINE fvec multiply_add(fvec x, fvec y, fvec z) {
#if defined(__AVX512BW__)
  return _mm512_fmadd_ps(x, y, z);
#elif defined(__AVX2__) && defined(__FMA__)
  return _mm256_fmadd_ps(x, y, z);
#else
  return x * y + z;
#endif
}

/// To nearest, ties to even; |v| below 2^22.
static SCISSIONLITE_INLINE ivec rounded(fvec v) {
#if defined(__AVX512BW__)
  return reinterpret_cast<ivec>(_mm512_cvtps_epi32(v));
#elif defined(__AVX2__)
  return reinterpret_cast<ivec>(_mm256_cvtps_epi32(v));
#elif defined(__SSE2__)
  return reinterpret_cast<ivec>(_mm_cvtps_epi32(v));
#else
  const fvec magic = all(12582912.F);  // 1.5 * 2^23: adding it leaves the integer in the low bits
  return reinterpret_cast<ivec>(v + magic) - reinterpret_cast<ivec>(magic);
#endif
}

/// What ends all values of a call, in registers: a store of bytes may alias anything, so arguments would be read again after each.
struct End {
  explicit SCISSIONLITE_INLINE End(const Requantise& end) : low(all(end.low)), high(all(end.high)), zero(all(end.zero)) {}
  fvec low, high;
  ivec zero;
};
static SCISSIONLITE_INLINE ivec requantised(ivec sum, fvec scale, const End& end) {
  return rounded(bounded(__builtin_convertvector(sum, fvec) * scale, end.low, end.high)) + end.zero;
}

static SCISSIONLITE_INLINE void store_bytes(uint8_t* y, ivec v) { store_low_bytes(y, v); }

/// The low bytes of a, then those of b; both within [-128, 255].
static SCISSIONLITE_INLINE void store_bytes(uint8_t* y, ivec a, ivec b) {
#if defined(__AVX2__) && !defined(__AVX512BW__)
  const __m256i words = _mm256_and_si256(_mm256_packs_epi32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)), _mm256_set1_epi16(255));
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xD8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
#else
  store_bytes(y, a);
  store_bytes(y + kLanes, b);
#endif
}

/// The low bytes of four vectors, one after the other.
static SCISSIONLITE_INLINE void store_bytes(uint8_t* y, const ivec (&v)[4]) {
#if defined(__AVX2__) && !defined(__AVX512BW__)
  const __m256i low = _mm256_set1_epi16(255);
  const __m256i words0 = _mm256_and_si256(_mm256_packs_epi32(reinterpret_cast<__m256i>(v[0]), reinterpret_cast<__m256i>(v[1])), low);
  const __m256i words1 = _mm256_and_si256(_mm256_packs_epi32(reinterpret_cast<__m256i>(v[2]), reinterpret_cast<__m256i>(v[3])), low);
  const __m256i ordered = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(words0, words1), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), ordered);
#else
  for (int i = 0; i < 4; ++i) store_bytes(y + i * kLanes, v[i]);
#endif
}

/// Stores the low bytes of two vectors of the order that `interleave` makes.
static SCISSIONLITE_INLINE void store_interleaved(uint8_t* y, ivec first, ivec second) {
#if defined(__AVX512BW__)
  const __m512i words = _mm512_packs_epi32(reinterpret_cast<__m512i>(first), reinterpret_cast<__m512i>(second));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), _mm512_cvtepi16_epi8(words));
#elif defined(__AVX2__)
  const __m256i words =
      _mm256_and_si256(_mm256_packs_epi32(reinterpret_cast<__m256i>(first), reinterpret_cast<__m256i>(second)), _mm256_set1_epi16(255));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
#else
  store_bytes(y, first, second);
#endif
}

// g++ 12 makes conversions between lanes of unlike sizes one lane after the other: instructions by name, where there are.
static SCISSIONLITE_INLINE ivec bytes_to_lanes(const uint8_t* x, bool is_signed) {
#if defined(__AVX512BW__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
  return reinterpret_cast<ivec>(is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes));
#elif defined(__AVX2__)
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x));
  return reinterpret_cast<ivec>(is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes));
#else
  return is_signed ? __builtin_convertvector(load_as<sbytes>(x), ivec) : __builtin_convertvector(load_as<ubytes>(x), ivec);
#endif
}

/// Twice as many, as 16-bit values.
static SCISSIONLITE_INLINE svec bytes_to_words(const uint8_t* x, bool is_signed) {
#if defined(__AVX512BW__)
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  return reinterpret_cast<svec>(is_signed ? _mm512_cvtepi8_epi16(bytes) : _mm512_cvtepu8_epi16(bytes));
#elif defined(__AVX2__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
  return reinterpret_cast<svec>(is_signed ? _mm256_cvtepi8_epi16(bytes) : _mm256_cvtepu8_epi16(bytes));
#else
  return is_signed ? __builtin_convertvector(load_as<sbytes2>(x), svec) : __builtin_convertvector(load_as<ubytes2>(x), svec);
#endif
}
