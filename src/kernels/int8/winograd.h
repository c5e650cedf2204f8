// Winograd's minimal filtering F(m x m, 3 x 3) of centred bytes in integers: transforms of input and output tiles, exact.
// The matrices are those of vector/winograd.h with each row of the weights' one multiplied by what makes it whole (see
// int8/winograd.cc), so that weights and inputs fit 16 bits; the output transform takes those factors back modulo 2^32.

/// One line of the input's transform, its results `t` apart; of m = 4 it grows values tenfold at most.
template <int M>
static SCISSIONLITE_INLINE void input_line(const svec* d, svec* v, int64_t t);
template <>
SCISSIONLITE_INLINE void input_line<2>(const svec* d, svec* v, int64_t t) {
  v[0] = d[0] - d[2];
  v[t] = d[1] + d[2];
  v[2 * t] = d[2] - d[1];
  v[3 * t] = d[3] - d[1];
}
template <>
SCISSIONLITE_INLINE void input_line<4>(const svec* d, svec* v, int64_t t) {
  const svec even = d[4] - (d[2] << 2), odd = d[3] - (d[1] << 2);
  const svec even2 = d[4] - d[2], odd2 = (d[3] - d[1]) << 1;
  v[0] = ((d[0] - d[2]) << 2) + even2;
  v[t] = even + odd;
  v[2 * t] = even - odd;
  v[3 * t] = even2 + odd2;
  v[4 * t] = even2 - odd2;
  v[5 * t] = d[5] - d[3] - (odd2 << 1);
}

/// One line of the output's transform: 2 times (m = 2) or 24 times (m = 4) what it stands for.
template <int M>
static SCISSIONLITE_INLINE void output_line(const uvec* m, uvec* y, int64_t t);
template <>
SCISSIONLITE_INLINE void output_line<2>(const uvec* m, uvec* y, int64_t t) {  // factors 1 2 2 1
  y[0] = (m[0] << 1) + (m[1] + m[2]);
  y[t] = (m[1] - m[2]) + (m[3] << 1);
}
template <>
SCISSIONLITE_INLINE void output_line<4>(const uvec* m, uvec* y, int64_t t) {  // factors 4 6 6 24 24 1
  const uvec sum1 = (m[1] + m[2]) << 2, difference1 = (m[1] - m[2]) << 2, sum2 = m[3] + m[4], difference2 = (m[3] - m[4]) << 1;
  y[0] = (m[0] << 2) + (m[0] << 1) + sum1 + sum2;
  y[t] = difference1 + difference2;
  y[2 * t] = sum1 + (sum2 << 2);
  y[3 * t] = difference1 + (difference2 << 2) + (m[5] << 4) + (m[5] << 3);
}

/// What `output_line` leaves after rows and columns is 4 or 576 times the sum, modulo 2^32: 9 is taken off by its inverse, powers of two by a shift.
template <int M>
static SCISSIONLITE_INLINE ivec whole(uvec v) {
  if constexpr (M == 2) return reinterpret_cast<ivec>(v) >> 2;
  else return reinterpret_cast<ivec>(v * 954437177U) >> 6;
}

template <int M>
static void input_tiles(const Int8WinogradInputArguments& a) {
  constexpr int N = M + 2;
  const int64_t x_row = a.x_row, x_pixel = a.x_pixel, frequency = a.v_frequency, channels = a.channels, tiles = a.tiles;
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (int64_t c = 0; c < channels; c += 2 * kLanes) {
      const int16_t* x = a.x + tile * M * x_pixel + c;
      int16_t* v = a.v + tile * a.v_tile + c;
      svec half[N * N];
      for (int j = 0; j < N; ++j) {  // columns, then rows
        svec d[N];
        for (int i = 0; i < N; ++i) d[i] = load_as<svec>(x + i * x_row + j * x_pixel);
        input_line<M>(d, half + j, N);
      }
      for (int i = 0; i < N; ++i) {
        svec line[N];
        input_line<M>(half + i * N, line, 1);
        for (int j = 0; j < N; ++j) store_as(v + (i * N + j) * frequency, line[j]);
      }
    }
}

/// The sums of one vector of a tile's outputs, exact.
template <int M>
static SCISSIONLITE_INLINE void output_sums(const int32_t* sums, int64_t frequency, ivec (&y)[M * M]) {
  constexpr int N = M + 2;
  uvec half[M * N];
  for (int j = 0; j < N; ++j) {
    uvec m[N];
    for (int i = 0; i < N; ++i) m[i] = load_as<uvec>(sums + (i * N + j) * frequency);
    output_line<M>(m, half + j, N);
  }
  for (int i = 0; i < M; ++i) {
    uvec line[M];
    output_line<M>(half + i * N, line, 1);
    for (int j = 0; j < M; ++j) y[i * M + j] = whole<M>(line[j]);
  }
}

template <int M>
static void output_tiles(const Int8WinogradOutputArguments& a) {
  const End end(a.end);
  const int64_t frequency = a.sums_frequency, sums_tile = a.sums_tile, tiles = a.tiles, rows = a.rows, y_row = a.y_row, y_pixel = a.y_pixel;
  for (int64_t c = 0; c < a.channels; c += 2 * kLanes) {
    const int64_t channels = a.channels - c < 2 * kLanes ? a.channels - c : 2 * kLanes;
    const bool is_wide = channels > kLanes;
    const ivec bias[] = {load_as<ivec>(a.bias + c), is_wide ? load_as<ivec>(a.bias + c + kLanes) : ivec{}};
    const fvec scale[] = {load_as<fvec>(a.end.scale + c), is_wide ? load_as<fvec>(a.end.scale + c + kLanes) : fvec{}};
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t left = a.columns - tile * M, columns = left < M ? left : M;
      ivec first[M * M], second[M * M] = {};
      output_sums<M>(a.sums + tile * sums_tile + c, frequency, first);
      if (is_wide) output_sums<M>(a.sums + tile * sums_tile + c + kLanes, frequency, second);
      uint8_t* y = a.y + tile * M * y_pixel + c;
      for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) {
          const ivec q0 = requantised(first[i * M + j] + bias[0], scale[0], end), q1 = requantised(second[i * M + j] + bias[1], scale[1], end);
          uint8_t* to = y + i * y_row + j * y_pixel;
          if (channels == 2 * kLanes) {
            store_bytes(to, q0, q1);
            continue;
          }
          uint8_t bytes[2 * kLanes];
          store_bytes(bytes, q0, q1);
          for (int64_t k = 0; k < channels; ++k) to[k] = bytes[k];
        }
    }
  }
}

static void winograd_input(const Int8WinogradInputArguments& a) {
  if (a.m == 2) input_tiles<2>(a);
  else input_tiles<4>(a);
}
static void winograd_output(const Int8WinogradOutputArguments& a) {
  if (a.m == 2) output_tiles<2>(a);
  else output_tiles<4>(a);
}
