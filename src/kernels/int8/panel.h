// Dot products of a few pixels with one or two vectors of channels: the inner loop of convolutions and products.
//   for p in pixels, j in channels: y[p][j] = requantised(bias[j] + sum over runs r, i < 2 * pairs of x[p * x_pixel + runs_at[r] + i] * w[r, i, j])
// Weights lie as (steps, vectors, lanes, 2): a step is a pair of neighbouring values, which one instruction multiplies and adds.

#if defined(__AVX512BW__)
constexpr int kPanelPixels = 12;  // 24 sums, 2 weights, 1 pair of 32 registers
#else
constexpr int kPanelPixels = 6;  // 12 sums, 2 weights, 1 pair, 1 product of 16 registers
#endif

/// The whole of a tile: scales, sums by pixel.
template <int Q, int P>
static SCISSIONLITE_INLINE void store_tile(const Int8PanelArguments& a, const ivec (&sums)[P][Q], uint8_t* y) {
  const End end(a.end);
  const int64_t step = a.y_pixel, channels = a.channels;
  fvec scale[Q];
  for (int j = 0; j < Q; ++j) scale[j] = load_as<fvec>(a.end.scale + j * kLanes);
  for (int p = 0; p < P; ++p) {
    ivec q[Q];
    for (int j = 0; j < Q; ++j) q[j] = requantised(sums[p][j], scale[j], end);
    if (channels == Q * kLanes) {
      if constexpr (Q == 2) store_bytes(y + p * step, q[0], q[1]);
      else store_bytes(y + p * step, q[0]);
      continue;
    }
    uint8_t bytes[Q * kLanes];
    for (int j = 0; j < Q; ++j) store_bytes(bytes + j * kLanes, q[j]);
    for (int64_t c = 0; c < channels; ++c) y[p * step + c] = bytes[c];
  }
}

template <int Q, int P>
static void tile(const Int8PanelArguments& a, const int16_t* x, int64_t pixel) {
  ivec sums[P][Q];
  for (int j = 0; j < Q; ++j) {
    const ivec bias = load_as<ivec>(a.bias + j * kLanes);
    for (int p = 0; p < P; ++p) sums[p][j] = bias;
  }
  const int16_t* w = a.w;
  const int64_t runs = a.runs, pairs = a.pairs, step = a.x_pixel;
  for (int64_t run = 0; run < runs; ++run) {
    const int16_t* at = x + a.runs_at[run];
    for (int64_t i = 0; i < pairs; ++i, at += 2, w += Q * 2 * kLanes) {
      svec weights[Q];
      for (int j = 0; j < Q; ++j) weights[j] = load_as<svec>(w + j * 2 * kLanes);
      for (int p = 0; p < P; ++p) {
        const svec values = pair_at(at + p * step);
        for (int j = 0; j < Q; ++j) sums[p][j] = dot2(sums[p][j], weights[j], values);
      }
    }
  }
  store_tile<Q, P>(a, sums, a.y + pixel * a.y_pixel);
}

template <int Q, int P>
static void tile_of(const Int8PanelArguments& a, int64_t pixels, int64_t pixel) {
  if (pixels == P) return tile<Q, P>(a, a.x + pixel * a.x_pixel, pixel);
  if constexpr (P > 1) tile_of<Q, P - 1>(a, pixels, pixel);
}

/// Any number of pixels, in tiles of nearly the same size.
static void panel(const Int8PanelArguments& a) {
  const int64_t tiles = (a.pixels + kPanelPixels - 1) / kPanelPixels;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t begin = a.pixels * i / tiles, end = a.pixels * (i + 1) / tiles;
    if (a.vectors == 2) tile_of<2, kPanelPixels>(a, end - begin, begin);
    else tile_of<1, kPanelPixels>(a, end - begin, begin);
  }
}

/// Rows of w against one x; k is a multiple of 64.
template <int R>
static SCISSIONLITE_INLINE void dot_rows(const int16_t* x, const int8_t* w, int64_t k, int32_t* sums) {
  ivec sum[R] = {};
  for (int64_t i = 0; i < k; i += 2 * kLanes) {
    const svec values = load_as<svec>(x + i);
    for (int r = 0; r < R; ++r) sum[r] = dot2(sum[r], __builtin_convertvector(load_as<sbytes2>(w + r * k + i), svec), values);
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
