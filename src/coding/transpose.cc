#include "coding/transpose.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace scissionlite::coding {
namespace {

constexpr int64_t kTile = 16;

void transpose_plain(const uint8_t* from, int64_t rows, int64_t columns, int64_t from_stride, uint8_t* to, int64_t to_stride) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) to[c * to_stride + r] = from[r * from_stride + c];
}

#ifdef __SSE2__
/// A tile of 16 x 16 bytes: four times, rows i and i + 8 are interleaved into rows 2i and 2i + 1.
void transpose_tile(const uint8_t* from, int64_t from_stride, uint8_t* to, int64_t to_stride) {
  __m128i a[kTile], b[kTile];
  for (int64_t i = 0; i < kTile; ++i) a[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i * from_stride));
  for (int turn = 0; turn < 4; ++turn) {
    for (int64_t i = 0; i < kTile / 2; ++i) {
      b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + kTile / 2]);
      b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + kTile / 2]);
    }
    for (int64_t i = 0; i < kTile; ++i) a[i] = b[i];
  }
  for (int64_t i = 0; i < kTile; ++i) _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i * to_stride), a[i]);
}
#else
void transpose_tile(const uint8_t* from, int64_t from_stride, uint8_t* to, int64_t to_stride) {
  transpose_plain(from, kTile, kTile, from_stride, to, to_stride);
}
#endif

}  // namespace

void transpose(const uint8_t* from, int64_t channels, int64_t positions, int64_t from_stride, uint8_t* to, int64_t to_stride) {
  for (int64_t c = 0; c < channels; c += kTile)
    for (int64_t p = 0; p < positions; p += kTile) {
      const int64_t rows = std::min(kTile, channels - c), columns = std::min(kTile, positions - p);
      const uint8_t* source = from + c * from_stride + p;
      uint8_t* target = to + p * to_stride + c;
      if (rows == kTile && columns == kTile) transpose_tile(source, from_stride, target, to_stride);
      else transpose_plain(source, rows, columns, from_stride, target, to_stride);
    }
}

}  // namespace scissionlite::coding
