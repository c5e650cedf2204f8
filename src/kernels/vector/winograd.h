// Winograd's minimal filtering F(m x m, r x r) over a block of channels: transforms of input and output tiles, by the edge N = m + r - 1 of
// an input tile, which decides the points, and m.
// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016. The matrices follow from the points 0, 1, -1,
// (2, -2, (1/2, -1/2)) and infinity by Toom and Cook's construction; signs are chosen so that the output transform ends with +1.

template <int N>
static SCISSIONLITE_INLINE void input_line(const vec* d, int64_t step, vec* v, int64_t to);
template <>
SCISSIONLITE_INLINE void input_line<4>(const vec* d, int64_t s, vec* v, int64_t t) {
  v[0] = d[0] - d[2 * s];
  v[t] = d[s] + d[2 * s];
  v[2 * t] = d[2 * s] - d[s];
  v[3 * t] = d[3 * s] - d[s];
}
template <>
SCISSIONLITE_INLINE void input_line<6>(const vec* d, int64_t s, vec* v, int64_t t) {
  const vec even = d[4 * s] - d[2 * s] * 4.F, odd = d[3 * s] - d[s] * 4.F;
  const vec even2 = d[4 * s] - d[2 * s], odd2 = (d[3 * s] - d[s]) * 2.F;
  v[0] = d[0] * 4.F - d[2 * s] * 5.F + d[4 * s];
  v[t] = even + odd;
  v[2 * t] = even - odd;
  v[3 * t] = even2 + odd2;
  v[4 * t] = even2 - odd2;
  v[5 * t] = d[s] * 4.F - d[3 * s] * 5.F + d[5 * s];
}
template <>
SCISSIONLITE_INLINE void input_line<8>(const vec* d, int64_t s, vec* v, int64_t t) {
  const vec even1 = d[2 * s] + d[6 * s] - d[4 * s] * 4.25F, odd1 = d[s] + d[5 * s] - d[3 * s] * 4.25F;
  const vec even2 = d[6 * s] + d[2 * s] * 0.25F - d[4 * s] * 1.25F, odd2 = d[s] * 0.5F - d[3 * s] * 2.5F + d[5 * s] * 2.F;
  const vec even3 = d[6 * s] + (d[2 * s] - d[4 * s] * 1.25F) * 4.F, odd3 = d[s] * 2.F - d[3 * s] * 2.5F + d[5 * s] * 0.5F;
  v[0] = d[0] - d[6 * s] + (d[4 * s] - d[2 * s]) * 5.25F;
  v[t] = even1 + odd1;
  v[2 * t] = even1 - odd1;
  v[3 * t] = even2 + odd2;
  v[4 * t] = even2 - odd2;
  v[5 * t] = even3 + odd3;
  v[6 * t] = even3 - odd3;
  v[7 * t] = d[7 * s] - d[s] + (d[3 * s] - d[5 * s]) * 5.25F;
}

/// i-th power of the points 1, 2 and 1/2.
constexpr float power_of_point(int pair, int i) {
  float power = 1;
  for (int k = 0; k < i && pair > 0; ++k) power *= pair == 1 ? 2.F : 0.5F;
  return power;
}
template <int M, int N>
static SCISSIONLITE_INLINE void output_line(const vec* m, int64_t s, vec* y, int64_t t) {
  constexpr int kPairs = (N - 2) / 2;
  vec sum[kPairs], difference[kPairs];
#pragma GCC unroll 3
  for (int p = 0; p < kPairs; ++p) sum[p] = m[(2 * p + 1) * s] + m[(2 * p + 2) * s], difference[p] = m[(2 * p + 1) * s] - m[(2 * p + 2) * s];
#pragma GCC unroll 8
  for (int i = 0; i < M; ++i) {
    vec value = i == 0 ? m[0] + sum[0] : i % 2 ? difference[0] : sum[0];
#pragma GCC unroll 3
    for (int p = 1; p < kPairs; ++p) value += (i % 2 ? difference[p] : sum[p]) * power_of_point(p, i);
    y[i * t] = i == M - 1 ? value + m[(N - 1) * s] : value;
  }
}

template <int M, int N>
static void input_tile(const WinogradTilesArguments& a, int64_t tile, float* to) {
  const int64_t row = tile / a.tiles_across * M - a.top, column = tile % a.tiles_across * M - a.left;
  vec d[N * N], half[N * N];
  if (row >= 0 && column >= 0 && row + N <= a.height && column + N <= a.width) {
    for (int i = 0; i < N; ++i)
      for (int j = 0; j < N; ++j) d[i * N + j] = load(a.x + ((row + i) * a.width + column + j) * kLanes);
  } else {
    for (int i = 0; i < N; ++i)
      for (int j = 0; j < N; ++j) {
        const bool is_inside = row + i >= 0 && row + i < a.height && column + j >= 0 && column + j < a.width;
        d[i * N + j] = is_inside ? load(a.x + ((row + i) * a.width + column + j) * kLanes) : vec{};
      }
  }
  for (int j = 0; j < N; ++j) input_line<N>(d + j, N, half + j, N);  // columns, then rows
  for (int i = 0; i < N; ++i) {
    vec line[N];
    input_line<N>(half + i * N, 1, line, 1);
    for (int j = 0; j < N; ++j) store(to + (i * N + j) * a.frequency_stride, line[j]);
  }
}

template <int M, int N>
static void output_tile(const WinogradTilesArguments& a, int64_t tile, const float* from) {
  const int64_t row = tile / a.tiles_across * M, column = tile % a.tiles_across * M;
  vec m[N * N], half[M * N];
  for (int f = 0; f < N * N; ++f) m[f] = load(from + f * a.frequency_stride);
  for (int j = 0; j < N; ++j) output_line<M, N>(m + j, N, half + j, N);
  const vec bias = a.bias ? load(a.bias) : vec{};
  const int64_t rows = a.out_height - row < M ? a.out_height - row : M, columns = a.out_width - column < M ? a.out_width - column : M;
  const vec low = all(lower_bound(a.activation)), high = all(upper_bound(a.activation));
  for (int i = 0; i < rows; ++i) {
    vec line[M];
    output_line<M, N>(half + i * N, 1, line, 1);
    for (int j = 0; j < columns; ++j) {
      const int64_t at = ((row + i) * a.out_width + column + j) * kLanes;
      vec value = line[j] + bias;
      if (a.residual) value += load(a.residual + at);
      store(a.y + at, min_of(high, max_of(low, value)));
    }
  }
  if (a.activation.kind > ActivationKind::kClip)
    activate_stored(a.y + (row * a.out_width + column) * kLanes, rows, a.out_width * kLanes, columns, kLanes, a.activation);
}

template <int M, int N>
static void input_tiles(const WinogradTilesArguments& a) {
  const int64_t stride = a.tile_stride > 0 ? a.tile_stride : kLanes;
  for (int64_t t = 0; t < a.count; ++t) input_tile<M, N>(a, a.first + t, a.transformed + t * stride);
}
template <int M, int N>
static void output_tiles(const WinogradTilesArguments& a) {
  for (int64_t t = 0; t < a.count; ++t) output_tile<M, N>(a, a.first + t, a.transformed + t * kLanes);
}

/// Calls `body.operator()<M, N>()` for the sizes of `a`.
template <typename Body>
static SCISSIONLITE_INLINE void with_winograd(const WinogradTilesArguments& a, const Body& body) {
  if (a.taps == 4) return a.m == 3 ? body.template operator()<3, 6>() : body.template operator()<5, 8>();
  if (a.m == 2) return body.template operator()<2, 4>();
  return a.m == 4 ? body.template operator()<4, 6>() : body.template operator()<6, 8>();
}
static void winograd_input(const WinogradTilesArguments& a) {
  with_winograd(a, [&]<int M, int N>() { input_tiles<M, N>(a); });
}
static void winograd_output(const WinogradTilesArguments& a) {
  with_winograd(a, [&]<int M, int N>() { output_tiles<M, N>(a); });
}
