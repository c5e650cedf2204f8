// One output row of a convolution of a plain image with few channels: register tiles of P columns times Q output vectors as in panel.h,
// but values of one input row lie side by side, so that one pointer serves all columns and taps of a tile. Windows that reach over the
// image's left or right border are copied with their zeros first: a few hundred values at both ends of a row.

/// Sums over all rows and taps; K taps and stride S where they are known beforehand, else 0. `rows[r]` is at the first column's first tap.
template <int P, int Q, int K, int S>
static SCISSIONLITE_INLINE void image_sums(const ImageRowArguments& a, const float* w, const float* const* rows, vec (&sums)[P][Q]) {
  const int64_t taps = K > 0 ? K : a.kernel_w, stride = S > 0 ? S : a.stride_w;
  for (int64_t r = 0; r < a.row_count; ++r) {
    const float* row = rows[r];
    if (!row) {
      w += taps * Q * kLanes;
      continue;
    }
#pragma GCC unroll 8
    for (int64_t k = 0; k < taps; ++k, w += Q * kLanes) {
      vec weights[Q];
#pragma GCC unroll 8
      for (int q = 0; q < Q; ++q) weights[q] = load(w + q * kLanes);
#pragma GCC unroll 16
      for (int p = 0; p < P; ++p) {
        const vec value = all(row[p * stride + k]);
#pragma GCC unroll 8
        for (int q = 0; q < Q; ++q) sums[p][q] += value * weights[q];
      }
      asm("" : "+r"(row));  // the compiler would keep values that the next tap reads again, and sums in memory for want of registers
    }
  }
}

/// P columns, output vectors [first, first + Q).
template <int P, int Q, int K, int S>
static __attribute__((noinline)) void image_tile(const ImageRowArguments& a, const float* const* rows, int64_t column, int64_t first) {
  vec sums[P][Q];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
    for (int q = 0; q < Q; ++q) sums[p][q] = a.bias ? load(a.bias + (first + q) * kLanes) : vec{};
  image_sums<P, Q, K, S>(a, a.w + first * a.row_count * a.kernel_w * kLanes, rows, sums);
  const vec low = all(lower_bound(a.activation)), high = all(upper_bound(a.activation));
  const int64_t y_vector = a.y_vector, at = first * y_vector + column * kLanes;
  const float* residual = a.residual ? a.residual + at : nullptr;
  float* y = a.y + at;
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
    for (int q = 0; q < Q; ++q) {
      if (residual) sums[p][q] += load(residual + q * y_vector + p * kLanes);
      store(y + q * y_vector + p * kLanes, min_of(high, max_of(low, sums[p][q])));
    }
}

template <int P, int Q, int K, int S>
static SCISSIONLITE_INLINE void image_panels(const ImageRowArguments& a, const float* const* rows, int64_t column) {
  int64_t first = 0;
  for (; first + Q <= a.blocks; first += Q) image_tile<P, Q, K, S>(a, rows, column, first);
  switch (a.blocks - first) {
    case 1: return image_tile<P, 1, K, S>(a, rows, column, first);
    case 2: return image_tile<P, (Q > 2 ? 2 : 1), K, S>(a, rows, column, first);
    case 3: return image_tile<P, (Q > 3 ? 3 : 1), K, S>(a, rows, column, first);
  }
}

/// Windows of P columns of which some reach outside, copied with zeros there; most columns of a tile are 14 (panel.h).
constexpr int64_t kImageWindow = 14 * 4 + kMostImageKernel + 1;
template <int P, int Q, int K, int S>
static __attribute__((noinline)) void image_border(const ImageRowArguments& a, int64_t column, int64_t first, int64_t count) {
  const float* rows[kMostImageRows];
  float windows[kMostImageRows][kImageWindow];
  const int64_t begin = first < 0 ? -first : 0, end = first + count > a.width ? a.width - first : count;
  for (int64_t r = 0; r < a.row_count; ++r) {
    rows[r] = a.rows[r] ? windows[r] : nullptr;
    if (!rows[r]) continue;
    for (int64_t i = 0; i < begin; ++i) windows[r][i] = 0;
    for (int64_t i = begin; i < end; ++i) windows[r][i] = a.rows[r][first + i];
    for (int64_t i = end; i < count; ++i) windows[r][i] = 0;
  }
  image_panels<P, Q, K, S>(a, rows, column);
}

template <int P, int Q, int K, int S>
static SCISSIONLITE_INLINE void image_columns(const ImageRowArguments& a, int64_t column) {
  const int64_t stride = S > 0 ? S : a.stride_w, first = column * stride - a.left, count = (P - 1) * stride + a.kernel_w;
  if (first < 0 || first + count > a.width) return image_border<P, Q, K, S>(a, column, first, count);
  const float* rows[kMostImageRows];
  for (int64_t r = 0; r < a.row_count; ++r) rows[r] = a.rows[r] ? a.rows[r] + first : nullptr;
  image_panels<P, Q, K, S>(a, rows, column);
}

/// Whole tiles, the last one moved back so that it ends with the row: some columns are computed twice, none by a narrow tile.
template <int Q, int K, int S>
static void image_run(const ImageRowArguments& a) {
  constexpr int P = tile_pixels<Q>();
  int64_t column = 0;
  if (a.out_width >= P)
    for (; column < a.out_width; column += P) image_columns<P, Q, K, S>(a, column + P <= a.out_width ? column : a.out_width - P);
  else
    for (; column < a.out_width; ++column) image_columns<1, Q, 0, 0>(a, column);
  if (a.activation.kind > ActivationKind::kClip) activate_stored(a.y, a.blocks, a.y_vector, a.out_width, kLanes, a.activation);
}

template <int K, int S>
static void image_of(const ImageRowArguments& a) {
  switch (a.vectors) {
    case 1: return image_run<1, K, S>(a);
    case 2: return image_run<2, K, S>(a);
    case 3: return image_run<3, K, S>(a);
    case 4: return image_run<4, K, S>(a);
  }
}

static void image_row(const ImageRowArguments& a) {
  if (a.kernel_w == 3 && a.stride_w == 1) return image_of<3, 1>(a);
  if (a.kernel_w == 3 && a.stride_w == 2) return image_of<3, 2>(a);
  if (a.kernel_w == 7 && a.stride_w == 2) return image_of<7, 2>(a);
  image_of<0, 0>(a);
}
