// Products with 2:4 sparse weights (kernels/sparse24). vec.h first.
// A tile is what kLanes pixels hold: a row of kLanes values a channel. Pixels lie in lanes there, so that a weight is one multiply-add.

/// An address in a register of its own: with an index beside it an operand in memory is an operation more.
#if defined(__GNUC__)
#define SCISSIONLITE_KEEP_ADDRESS(address) asm("" : "+r"(address))
#else
#define SCISSIONLITE_KEEP_ADDRESS(address)
#endif

/// Calls emit(column, vec) with what lies at row(0)[column], row(1)[column], ... for each of kLanes columns.
template <typename Row, typename Emit>
static SCISSIONLITE_INLINE void columns_of(const Row& row, const Emit& emit) {
#if defined(__AVX512F__)
  for (int column = 0; column < kLanes; column += 4) {
    const auto gathered = [&](int first) {  // lane by lane of 128 bits: rows first, first + 4, ...
      __m512 v = _mm512_broadcast_f32x4(_mm_loadu_ps(row(first) + column));
      v = _mm512_mask_broadcast_f32x4(v, 0x00F0, _mm_loadu_ps(row(first + 4) + column));
      v = _mm512_mask_broadcast_f32x4(v, 0x0F00, _mm_loadu_ps(row(first + 8) + column));
      return _mm512_mask_broadcast_f32x4(v, 0xF000, _mm_loadu_ps(row(first + 12) + column));
    };
    const __m512 a = gathered(0), b = gathered(1), c = gathered(2), d = gathered(3);
    const __m512 ab_low = _mm512_unpacklo_ps(a, b), ab_high = _mm512_unpackhi_ps(a, b), cd_low = _mm512_unpacklo_ps(c, d),
                 cd_high = _mm512_unpackhi_ps(c, d);
    emit(column, static_cast<vec>(_mm512_shuffle_ps(ab_low, cd_low, 0x44)));
    emit(column + 1, static_cast<vec>(_mm512_shuffle_ps(ab_low, cd_low, 0xEE)));
    emit(column + 2, static_cast<vec>(_mm512_shuffle_ps(ab_high, cd_high, 0x44)));
    emit(column + 3, static_cast<vec>(_mm512_shuffle_ps(ab_high, cd_high, 0xEE)));
  }
#else
  for (int column = 0; column < kLanes; ++column) {
    float values[kLanes];
    for (int i = 0; i < kLanes; ++i) values[i] = row(i)[column];
    emit(column, load(values));
  }
#endif
}

/// x (pixels, lanes) of a block to tile[lane * kLanes + pixel]; zeros for pixels beyond.
static void block_to_tile(const float* x, int64_t pixels, float* tile) {
  static const float zeros[kLanes] = {};
  if (pixels >= kLanes) return columns_of([&](int pixel) { return x + pixel * kLanes; }, [&](int lane, vec v) { store(tile + lane * kLanes, v); });
  columns_of([&](int pixel) { return pixel < pixels ? x + pixel * kLanes : zeros; }, [&](int lane, vec v) { store(tile + lane * kLanes, v); });
}

static void pixels_to_rows(const PixelRowsArguments& a) {
  static const float zeros[kLanes] = {};
  const float* pixels[kLanes];
  for (int i = 0; i < kLanes; ++i) pixels[i] = a.pixels[i] < 0 ? zeros : a.x + static_cast<int64_t>(a.pixels[i]) * kLanes;
  if (a.channels >= kLanes) return columns_of([&](int pixel) { return pixels[pixel]; }, [&](int lane, vec v) { store(a.rows + lane * a.step, v); });
  columns_of([&](int pixel) { return pixels[pixel]; },
             [&](int lane, vec v) {
               if (lane < a.channels) store(a.rows + lane * a.step, v);
             });
}

static void tile_to_block(const TileEndArguments& a) {
  const vec bias = a.bias ? load(a.bias) : vec{};
  with_activation(a.activation, [&](auto apply) {
    columns_of([&](int lane) { return a.tile + lane * kLanes; },
               [&](int pixel, vec v) {
                 if (pixel >= a.pixels) return;
                 v += bias;
                 if (a.residual) v += load(a.residual + pixel * kLanes);
                 store(a.y + pixel * kLanes, apply(v));
               });
  });
}

constexpr int kMostTwoFourTiles = kLanes == 16 ? 4 : 3, kOutputsAtOnce = 4;  // sums in registers; more of them need no fewer loads

/// kOutputsAtOnce outputs from a lane of the block on. A value is one multiply-add a tile with a row of x as operand in memory: the place is its
/// address.
template <int kTiles>
static void two_four_outputs(const TwoFourTilesArguments& a, int first) {
  constexpr int64_t kStripFloats = (1 + 2 * kTwoFourStrip) * kLanes, kTileBytes = kTwoFourPiece * kLanes * 4, kLineFloats = 16;
  constexpr int kRowShift = kLanes == 16 ? 6 : kLanes == 8 ? 5 : 4;  // of the bytes of a row of x
  vec sums[kOutputsAtOnce][kTiles];
#pragma GCC unroll 4
  for (int i = 0; i < kOutputsAtOnce; ++i)
#pragma GCC unroll 4
    for (int tile = 0; tile < kTiles; ++tile) sums[i][tile] = a.adds ? load(a.sums + (tile * kLanes + first + i) * kLanes) : vec{};
  const char* x = reinterpret_cast<const char*>(a.x);
  const float* next = a.next ? a.next + first / kOutputsAtOnce * (a.strips * kStripFloats / (kLanes / kOutputsAtOnce)) : nullptr;
  for (int64_t strip = 0; strip < a.strips; ++strip) {
    const float* const w = a.w + strip * kStripFloats;
    uint32_t places[kOutputsAtOnce];
    for (int i = 0; i < kOutputsAtOnce; ++i) {
      __builtin_memcpy(&places[i], w + first + i, sizeof(uint32_t));
      places[i] = places[i] << kRowShift | places[i] >> (32 - kRowShift);
    }
    for (int64_t i = 0; next && i <= kStripFloats / (kLanes / kOutputsAtOnce); i += kLineFloats) __builtin_prefetch(next + i);
    if (next) next += kStripFloats / (kLanes / kOutputsAtOnce);
    const float* values = w + kLanes + first;
    for (int group = 0; group < kTwoFourStrip; ++group, values += 2 * kLanes, x += 4 * kLanes * 4)
#pragma GCC unroll 4
      for (int i = 0; i < kOutputsAtOnce; ++i) {
#pragma GCC unroll 2
        for (int kept = 0; kept < 2; ++kept) {
          const char* row = x + ((kept ? places[i] >> 2 : places[i]) & uint32_t{3} << kRowShift);
          SCISSIONLITE_KEEP_ADDRESS(row);
          const float value = values[kept * kLanes + i];
#pragma GCC unroll 4
          for (int tile = 0; tile < kTiles; ++tile) sums[i][tile] += load(reinterpret_cast<const float*>(row + tile * kTileBytes)) * value;
        }
        places[i] = places[i] >> 4 | places[i] << 28;
      }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kOutputsAtOnce; ++i)
#pragma GCC unroll 4
    for (int tile = 0; tile < kTiles; ++tile) store(a.sums + (tile * kLanes + first + i) * kLanes, sums[i][tile]);
}

static void two_four_tiles(const TwoFourTilesArguments& a) {
  for (int first = 0; first < kLanes; first += kOutputsAtOnce) switch (a.tiles) {
      case 1: two_four_outputs<1>(a, first); break;
      case 2: two_four_outputs<2>(a, first); break;
      case 3: two_four_outputs<3>(a, first); break;
      default: two_four_outputs<kMostTwoFourTiles>(a, first);
    }
}

/// Four floats for every four lanes.
static SCISSIONLITE_INLINE vec quad_of(const float* x) {
#if defined(__AVX512F__)
  return static_cast<vec>(_mm512_broadcast_f32x4(_mm_loadu_ps(x)));
#elif defined(__AVX2__)
  return static_cast<vec>(_mm256_broadcast_ps(reinterpret_cast<const __m128*>(x)));
#else
  return load(x);
#endif
}
/// Of each quad what the lower two bits of `places` say.
static SCISSIONLITE_INLINE vec placed(vec quads, ivec places) {
#if defined(__AVX512F__)
  return static_cast<vec>(_mm512_permutevar_ps(static_cast<__m512>(quads), reinterpret_cast<__m512i>(places)));
#elif defined(__AVX2__)
  return static_cast<vec>(_mm256_permutevar_ps(static_cast<__m256>(quads), reinterpret_cast<__m256i>(places)));
#else
  vec out;
  for (int i = 0; i < kLanes; ++i) out[i] = quads[places[i] & 3];
  return out;
#endif
}

/// The values of a group, of which w stands behind afterwards.
template <bool kIsBf16>
static SCISSIONLITE_INLINE void group_values(const float*& w, vec values[2]) {
  if constexpr (kIsBf16) {
    const ivec both = reinterpret_cast<ivec>(load(w));
    values[0] = reinterpret_cast<vec>(both << 16), values[1] = reinterpret_cast<vec>(both & ~0xffff);
    w += kLanes;
  } else {
    values[0] = load(w), values[1] = load(w + kLanes);
    w += 2 * kLanes;
  }
}

template <int kRows, bool kIsBf16>
static void two_four_rows_of(const TwoFourRowsArguments& a) {
  constexpr int kChains = 4, kInputs = 4 * kTwoFourStrip;
  constexpr int64_t kStripFloats = (1 + (kIsBf16 ? 1 : 2) * kTwoFourStrip) * kLanes, kAhead = 8 * kStripFloats;
  vec sums[kRows][kChains] = {};
  const float* w = a.w;
  const auto add_strip = [&](const float* x, int64_t x_row) {
    for (int64_t i = 0; i < kStripFloats; i += 16) __builtin_prefetch(w + kAhead + i);
    ivec places = reinterpret_cast<ivec>(load(w));
    w += kLanes;
#pragma GCC unroll 8
    for (int group = 0; group < kTwoFourStrip; ++group) {
      vec values[2];
      group_values<kIsBf16>(w, values);
      for (int i = 0; i < 2; ++i, places >>= 2)
        for (int row = 0; row < kRows; ++row) sums[row][2 * (group % 2) + i] += placed(quad_of(x + row * x_row + 4 * group), places) * values[i];
    }
  };
  for (int64_t strip = 0; strip < a.strips; ++strip) add_strip(a.x + strip * kInputs, a.x_row);
  if (a.rest) add_strip(a.rest, kInputs);
  const vec bias = a.bias ? load(a.bias) : vec{};
  for (int row = 0; row < kRows; ++row)
    store(a.y + row * a.y_row, activate(bias + ((sums[row][0] + sums[row][1]) + (sums[row][2] + sums[row][3])), a.activation));
}

template <bool kIsBf16>
static void two_four_rows(const TwoFourRowsArguments& a) {
  switch (a.rows) {
    case 1: return two_four_rows_of<1, kIsBf16>(a);
    case 2: return two_four_rows_of<2, kIsBf16>(a);
    case 3: return two_four_rows_of<3, kIsBf16>(a);
    default: return two_four_rows_of<4, kIsBf16>(a);
  }
}
