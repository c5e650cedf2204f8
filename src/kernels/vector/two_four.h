// Products with 2:4 sparse weights (kernels/sparse24). vec.h first.
// A tile is what kLanes pixels hold: a row of kLanes values a channel. Pixels lie in lanes there, so that a weight is one multiply-add.

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
    const __m512 ab_low = _mm512_unpacklo_ps(a, b), ab_high = _mm512_unpackhi_ps(a, b), cd_low = _mm512_unpacklo_ps(c, d), cd_high = _mm512_unpackhi_ps(c, d);
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
  constexpr int64_t kAhead = 2 * kLanes * kLanes;  // the next tiles of a block follow
  for (int64_t i = 0; i < kLanes; ++i) __builtin_prefetch(x + kAhead + i * kLanes);
  columns_of([&](int pixel) { return pixel < pixels ? x + pixel * kLanes : zeros; }, [&](int lane, vec v) { store(tile + lane * kLanes, v); });
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

static void two_four_tile(const TwoFourTileArguments& a) {
  constexpr int kRows = kTwoFourRows, kEntries = 2 * kRows;
  for (int row = 0; row < kLanes; row += kRows) {
    float* const sums = a.sums + row * kLanes;
    vec sum[kRows] = {}, second[kRows] = {};
    const float* values = a.values + row / kRows * a.groups * kEntries;
    const uint8_t* places = a.places + row / kRows * a.groups * kEntries;
    const float* x = a.x;
    for (int64_t group = 0; group < a.groups; ++group, values += kEntries, places += kEntries, x += 4 * kLanes)
      for (int i = 0; i < kRows; ++i) {
        sum[i] += load(x + places[2 * i] * kLanes) * values[2 * i];
        second[i] += load(x + places[2 * i + 1] * kLanes) * values[2 * i + 1];
      }
    for (int i = 0; i < kRows; ++i) store(sums + i * kLanes, sum[i] + second[i]);
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

template <int kRows>
static void two_four_rows_of(const TwoFourRowsArguments& a) {
  constexpr int kChains = 4, kInputs = 4 * kTwoFourStrip;
  constexpr int64_t kStripFloats = (1 + 2 * kTwoFourStrip) * kLanes, kAhead = 16 * kStripFloats;
  vec sums[kRows][kChains] = {};
  const float* w = a.w;
  const auto add_strip = [&](const float* x, int64_t x_row) {
    for (int64_t i = 0; i < kStripFloats; i += 16) __builtin_prefetch(w + kAhead + i);
    const vec bits = load(w);
    ivec places = reinterpret_cast<const ivec&>(bits);
    w += kLanes;
#pragma GCC unroll 8
    for (int group = 0; group < kTwoFourStrip; ++group) {
      for (int i = 0; i < 2; ++i, w += kLanes, places >>= 2) {
        const vec values = load(w);
        for (int row = 0; row < kRows; ++row) sums[row][2 * (group % 2) + i] += placed(quad_of(x + row * x_row + 4 * group), places) * values;
      }
    }
  };
  for (int64_t strip = 0; strip < a.strips; ++strip) add_strip(a.x + strip * kInputs, a.x_row);
  if (a.rest) add_strip(a.rest, kInputs);
  const vec bias = a.bias ? load(a.bias) : vec{};
  for (int row = 0; row < kRows; ++row) store(a.y + row * a.y_row, activate(bias + ((sums[row][0] + sums[row][1]) + (sums[row][2] + sums[row][3])), a.activation));
}

static void two_four_rows(const TwoFourRowsArguments& a) {
  switch (a.rows) {
    case 1: return two_four_rows_of<1>(a);
    case 2: return two_four_rows_of<2>(a);
    case 3: return two_four_rows_of<3>(a);
    default: return two_four_rows_of<4>(a);
  }
}
