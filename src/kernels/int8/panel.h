// Dot products of a few pixels with one to three vectors of channels: the inner loop of convolutions and products.
//   for p in pixels, j in channels:
//     y[p][j] = requantised(bias[j] + sum over runs r, i < steps * kStep of x[p * x_pixel + runs_at[r] + i] * w[r, i, j])
// Weights lie as (steps, vectors, lanes, kStep): a step is as many neighbouring values as an instruction multiplies and adds.

/// Pixels of a tile of Q vectors: what registers hold. Bytes take weights as operands in memory; of pairs of steps three by three sums are
/// fastest on AVX2.
template <int Q, bool kIsPaired>
constexpr int pixels_of_tile() {
#if defined(__AVX512BW__)
  return Q == 3 ? 9 : 14;
#else
  if (Q == 3) return 3;
  return kIsPaired && Q == 2 ? 4 : 6;
#endif
}

/// The whole of a tile: scales, sums by pixel.
template <int Q, int P, typename Arguments>
static SCISSIONLITE_INLINE void store_tile(const Arguments& a, const ivec (&sums)[P][Q], int64_t pixel) {
  if (a.sums) {
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 4
      for (int j = 0; j < Q; ++j) store_as(a.sums + (pixel + p) * a.sums_pixel + j * kLanes, sums[p][j]);
    return;
  }
  const End end(a.end);
  const int64_t step = a.y_pixel, channels = a.channels;
  uint8_t* y = a.y + pixel * step;
  fvec scale[Q];
  for (int j = 0; j < Q; ++j) scale[j] = load_as<fvec>(a.end.scale + j * kLanes);
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    ivec q[Q];
    for (int j = 0; j < Q; ++j) q[j] = requantised(sums[p][j], scale[j], end);
    if (channels == Q * kLanes) {
      if constexpr (Q >= 2) store_bytes(y + p * step, q[0], q[1]);
      if constexpr (Q % 2 == 1) store_bytes(y + p * step + (Q - 1) * kLanes, q[Q - 1]);
      continue;
    }
    uint8_t bytes[Q * kLanes];
    for (int j = 0; j < Q; ++j) store_bytes(bytes + j * kLanes, q[j]);
    for (int64_t c = 0; c < channels; ++c) y[p * step + c] = bytes[c];
  }
}

constexpr int64_t kFetchSteps = 8;  // between two calls of Fetch

static SCISSIONLITE_INLINE ivec dot_step(ivec sum, const int16_t* w, ivec x) { return dot2(sum, load_as<svec>(w), reinterpret_cast<svec>(x)); }
#if defined(__AVX2__)
static SCISSIONLITE_INLINE ivec dot_step(ivec sum, const int8_t* w, ivec x) { return dot4(sum, load_as<bytes4>(w), reinterpret_cast<bytes4>(x)); }
#endif

/// One step of all pixels. Weights are read for each pixel: the compiler keeps them in registers where there are enough.
template <int Q, int P, typename Weight>
static SCISSIONLITE_INLINE void add_step(const SpacedWords<P>& x, int64_t step, const Weight* w, ivec (&sums)[P][Q]) {
  constexpr int kVector = kLanes * 4 / sizeof(Weight);
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    const ivec values = x.value(p, step * 4);
#pragma GCC unroll 4
    for (int j = 0; j < Q; ++j) sums[p][j] = dot_step(sums[p][j], w + j * kVector, values);
  }
}
#if defined(__AVX2__) && !defined(__AVX512VNNI__)
/// Two steps, whose products are summed in 16 bits.
template <int Q, int P>
static SCISSIONLITE_INLINE void add_two_steps(const SpacedWords<P>& x, int64_t step, const int8_t* w, ivec (&sums)[P][Q]) {
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    const bytes4 first = reinterpret_cast<bytes4>(x.value(p, step * 4)), second = reinterpret_cast<bytes4>(x.value(p, step * 4 + 4));
#pragma GCC unroll 4
    for (int j = 0; j < Q; ++j) {
      const svec both = products(load_as<bytes4>(w + j * 4 * kLanes), first) + products(load_as<bytes4>(w + (Q + j) * 4 * kLanes), second);
      sums[p][j] = dot2(sums[p][j], both, all(int16_t{1}));
    }
  }
}
#endif

template <int Q, int P, bool kIsPaired, typename Arguments>
static void tile(const Arguments& a, int64_t pixel, Fetch& fetch) {
  ivec sums[P][Q];
#pragma GCC unroll 4
  for (int j = 0; j < Q; ++j) {
    const ivec bias = a.bias ? load_as<ivec>(a.bias + j * kLanes) : ivec{};
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) sums[p][j] = bias;
  }
  constexpr int kStep = Arguments::kStep;
  const auto* x = a.x + pixel * a.x_pixel;
  const auto* w = a.w;
  const int64_t runs = a.runs, steps = a.steps, x_bytes = a.x_pixel * static_cast<int64_t>(sizeof *x);
  for (int64_t run = 0; run < runs; ++run) {
    const SpacedWords<P> at(x + a.runs_at[run], x_bytes);
    int64_t i = 0;
#if defined(__AVX2__) && !defined(__AVX512VNNI__)
    if constexpr (kIsPaired)
      for (; i + 2 <= steps; i += 2, w += 2 * Q * kStep * kLanes) add_two_steps<Q, P>(at, i, w, sums);
#endif
    while (i < steps) {
      fetch.some();
      for (const int64_t stop = i + kFetchSteps < steps ? i + kFetchSteps : steps; i < stop; ++i, w += Q * kStep * kLanes)
        add_step<Q, P>(at, i, w, sums);
    }
  }
  if constexpr (kStep == 4)
    for (int64_t i = 0; i < a.extras; ++i) add_step<Q, P>(SpacedWords<P>(x + a.extras_at[i], x_bytes), 0, a.extra_w + i * Q * kStep * kLanes, sums);
  store_tile<Q, P>(a, sums, pixel);
}

template <int Q, int P, bool kIsPaired, typename Arguments>
static void tile_of(const Arguments& a, int64_t pixels, int64_t pixel, Fetch& fetch) {
  if (pixels == P) return tile<Q, P, kIsPaired>(a, pixel, fetch);
  if constexpr (P > 1) tile_of<Q, P - 1, kIsPaired>(a, pixels, pixel, fetch);
}

/// Any number of pixels, in tiles of nearly the same size.
template <int Q, bool kIsPaired, typename Arguments>
static void tiles_of(const Arguments& a) {
  constexpr int P = pixels_of_tile<Q, kIsPaired>();
  const int64_t tiles = (a.pixels + P - 1) / P;
  Fetch fetch(a.next_w, tiles > 1 ? a.next_bytes : 0, tiles * a.runs * ((a.steps + kFetchSteps - 1) / kFetchSteps));
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t begin = a.pixels * i / tiles, end = a.pixels * (i + 1) / tiles;
    tile_of<Q, P, kIsPaired>(a, end - begin, begin, fetch);
  }
}
template <bool kIsPaired, typename Arguments>
static void panel_of(const Arguments& a) {
  if (a.vectors == 3) tiles_of<3, kIsPaired>(a);
  else if (a.vectors == 2) tiles_of<2, kIsPaired>(a);
  else tiles_of<1, kIsPaired>(a);
}
static void panel(const Int8PanelArguments& a) {
  if (a.vectors == 2) tiles_of<2, false>(a);
  else tiles_of<1, false>(a);
}
#if defined(__AVX2__)
static void byte_panel(const BytePanelArguments& a) { a.is_paired ? panel_of<true>(a) : panel_of<false>(a); }
#endif

/// Rows of w against one x; k is a multiple of 64.
template <int R>
static SCISSIONLITE_INLINE void dot_rows(const int16_t* x, const int8_t* w, int64_t k, int32_t* sums) {
  ivec sum[R] = {};
  for (int64_t i = 0; i < k; i += 2 * kLanes) {
    const svec values = load_as<svec>(x + i);
    for (int r = 0; r < R; ++r) sum[r] = dot2(sum[r], bytes_to_words(reinterpret_cast<const uint8_t*>(w + r * k + i), /*is_signed=*/true), values);
  }
  for (int r = 0; r < R; ++r) {
    int32_t total = 0;
    for (int j = 0; j < kLanes; ++j) total += sum[r][j];
    sums[r] = total;
  }
}
static void dot(const int16_t* x, const int8_t* w, int64_t k, int64_t rows, int32_t* sums) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) dot_rows<4>(x, w + r * k, k, sums + r);
  for (; r < rows; ++r) dot_rows<1>(x, w + r * k, k, sums + r);
}
