// Depthwise convolution of one output row and channel block, and pooling: each output vector depends on its own channels only.

/// Columns of the output whose windows lie inside the input: [begin, end).
struct Columns {
  int64_t begin, end;
};
static SCISSIONLITE_INLINE Columns inner_columns(int64_t width, int64_t extent, int64_t stride, int64_t left, int64_t out_width) {
  int64_t begin = (left + stride - 1) / stride;
  int64_t end = width - extent + left >= 0 ? (width - extent + left) / stride + 1 : 0;
  if (begin > out_width) begin = out_width;
  if (end > out_width) end = out_width;
  if (end < begin) end = begin;
  return {begin, end};
}

/// First and end of the window's rows that lie inside the input.
static SCISSIONLITE_INLINE Columns inner_taps(int64_t first, int64_t taps, int64_t dilation, int64_t size) {
  int64_t begin = 0, end = taps;
  while (begin < taps && first + begin * dilation < 0) ++begin;
  while (end > begin && first + (end - 1) * dilation >= size) --end;
  return {begin, end};
}

alignas(64) static const float kZeros[kLanes] = {};

/// Asks for P columns of the rows that the next output row reads first. With stride 2 those are most of what it reads, and the machine's own
/// prefetching follows two rows at once badly; with stride 1 asking costs more than it gains.
template <int P, int S>
static SCISSIONLITE_INLINE void fetch_ahead(const DepthwiseRowArguments& a, int64_t first) {
  const float* next = a.x + ((a.row + (a.kernel_h - 1) * a.dilation_h + 1) * a.width + first) * kLanes;
  for (int64_t row = 0; row < a.stride_h; ++row, next += a.width * kLanes)
#pragma GCC unroll 16
    for (int line = 0; line < P * S * kLanes; line += 16) __builtin_prefetch(next + line);
}

/// P outputs of a row. K is the kernel's width and S the stride where they are known beforehand, else 0. At the image's border values
/// outside are read from a vector of zeros, which costs a choice of address a load but keeps all sums in registers.
template <int P, int K, int S, bool kIsAtBorder>
static void depthwise_tile(const DepthwiseRowArguments& a, Columns rows, int64_t column) {
  vec sums[P];
  const vec bias = a.bias ? load(a.bias) : vec{};
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) sums[p] = bias;
  const int64_t stride = S > 0 ? S : a.stride_w, dilation = S > 0 ? 1 : a.dilation_w, width = K > 0 ? K : a.kernel_w;
  const int64_t first = column * stride - a.left;
  if (S == 2) fetch_ahead<P, S>(a, first);
  for (int64_t kh = rows.begin; kh < rows.end; ++kh) {
    const float* row = a.x + (a.row + kh * a.dilation_h) * a.width * kLanes;
    const float* w = a.w + kh * width * kLanes;
#pragma GCC unroll 8
    for (int64_t kw = 0; kw < width; ++kw) {
      const vec weight = load(w + kw * kLanes);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const int64_t at = first + kw * dilation + p * stride;
        // of tiles that reach over a border by less than the kernel, other taps lie inside for certain
        const bool may_be_outside = kIsAtBorder && (K == 0 || p * S + kw < K - 1 || (P - 1 - p) * S + (K - 1 - kw) < K - 1);
        const bool is_inside = !may_be_outside || static_cast<uint64_t>(at) < static_cast<uint64_t>(a.width);
        sums[p] += load(is_inside ? row + at * kLanes : kZeros) * weight;
      }
    }
  }
  const vec low = all(lower_bound(a.activation)), high = all(upper_bound(a.activation));
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    if (a.residual) sums[p] += load(a.residual + (column + p) * kLanes);
    store(a.y + (column + p) * kLanes, min_of(high, max_of(low, sums[p])));
  }
}

using DepthwiseTile = void (*)(const DepthwiseRowArguments&, Columns, int64_t);
template <int K, int S, bool kIsAtBorder>
struct DepthwiseTiles {
  static constexpr DepthwiseTile kBySize[] = {nullptr,
                                              depthwise_tile<1, K, S, kIsAtBorder>,
                                              depthwise_tile<2, K, S, kIsAtBorder>,
                                              depthwise_tile<3, K, S, kIsAtBorder>,
                                              depthwise_tile<4, K, S, kIsAtBorder>,
                                              depthwise_tile<5, K, S, kIsAtBorder>,
                                              depthwise_tile<6, K, S, kIsAtBorder>,
                                              depthwise_tile<7, K, S, kIsAtBorder>,
                                              depthwise_tile<8, K, S, kIsAtBorder>};
};

/// Tiles whose sizes differ by one at most.
template <int K, int S>
static void depthwise_columns(const DepthwiseRowArguments& a) {
  constexpr int64_t kMost = 8;
  const Columns rows = inner_taps(a.row, a.kernel_h, a.dilation_h, a.height);
  const Columns inner = inner_columns(a.width, (a.kernel_w - 1) * a.dilation_w + 1, a.stride_w, a.left, a.out_width);
  const int64_t tiles = (a.out_width + kMost - 1) / kMost;
  int64_t column = 0;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t size = (a.out_width - column) / (tiles - t);
    const bool is_inside = column >= inner.begin && column + size <= inner.end;
    (is_inside ? DepthwiseTiles<K, S, false>::kBySize : DepthwiseTiles<K, S, true>::kBySize)[size](a, rows, column);
    column += size;
  }
  if (a.activation.kind > ActivationKind::kClip) activate_stored(a.y, 1, 0, a.out_width, kLanes, a.activation);
}

static void depthwise_row(const DepthwiseRowArguments& a) {
  const int64_t right = (a.out_width - 1) * a.stride_w - a.left + a.kernel_w - a.width;  // columns that the last window reaches beyond
  const bool is_dense = a.dilation_w == 1 && a.left < a.kernel_w && right < a.kernel_w;
  if (is_dense && a.kernel_w == 3 && a.stride_w == 1) return depthwise_columns<3, 1>(a);
  if (is_dense && a.kernel_w == 3 && a.stride_w == 2) return depthwise_columns<3, 2>(a);
  if (is_dense && a.kernel_w == 5 && a.stride_w == 1) return depthwise_columns<5, 1>(a);
  if (is_dense && a.kernel_w == 5 && a.stride_w == 2) return depthwise_columns<5, 2>(a);
  depthwise_columns<0, 0>(a);
}

/// P outputs of a row whose windows lie inside the image; K and S as for depthwise_tile.
template <int P, int K, int S, bool kIsMax>
static SCISSIONLITE_INLINE void pool_tile(const PoolRowArguments& a, Columns rows, int64_t column, vec scale) {
  vec values[P];
  for (int p = 0; p < P; ++p) values[p] = kIsMax ? all(-__builtin_inff()) : vec{};
  const int64_t step = (S > 0 ? S : a.stride_w) * kLanes, tap = S > 0 ? kLanes : a.dilation_w * kLanes;
  const int64_t width = K > 0 ? K : a.kernel_w;
  for (int64_t kh = rows.begin; kh < rows.end; ++kh) {
    const float* x = a.x + ((a.row + kh * a.dilation_h) * a.width + column * (step / kLanes) - a.left) * kLanes;
#pragma GCC unroll 8
    for (int64_t kw = 0; kw < width; ++kw)
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const vec v = load(x + kw * tap + p * step);
        values[p] = kIsMax ? max_of(values[p], v) : values[p] + v;
      }
  }
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) store(a.y + (column + p) * kLanes, kIsMax ? values[p] : values[p] * scale);
}

/// Values that a mean divides by: those inside the image, or inside the padded one.
static SCISSIONLITE_INLINE int64_t counted(const PoolRowArguments& a, Columns rows, Columns taps, int64_t left) {
  if (a.counts_padding)
    return inner_taps(a.row, a.kernel_h, a.dilation_h, a.padded_bottom).end * inner_taps(left, a.kernel_w, a.dilation_w, a.padded_right).end;
  const int64_t inside = (rows.end - rows.begin) * (taps.end - taps.begin);
  return inside > 0 ? inside : 1;
}

template <bool kIsMax>
static void pool_border(const PoolRowArguments& a, Columns rows, int64_t column) {
  const int64_t left = column * a.stride_w - a.left;
  const Columns taps = inner_taps(left, a.kernel_w, a.dilation_w, a.width);
  vec value = kIsMax ? all(-__builtin_inff()) : vec{};
  for (int64_t kh = rows.begin; kh < rows.end; ++kh)
    for (int64_t kw = taps.begin; kw < taps.end; ++kw) {
      const vec x = load(a.x + ((a.row + kh * a.dilation_h) * a.width + left + kw * a.dilation_w) * kLanes);
      value = kIsMax ? max_of(value, x) : value + x;
    }
  if (!kIsMax) value = value / static_cast<float>(counted(a, rows, taps, left));
  store(a.y + column * kLanes, value);
}

template <int K, int S, bool kIsMax>
static void pool_columns(const PoolRowArguments& a) {
  const Columns rows = inner_taps(a.row, a.kernel_h, a.dilation_h, a.height);
  const Columns inner = inner_columns(a.width, (a.kernel_w - 1) * a.dilation_w + 1, a.stride_w, a.left, a.out_width);
  int64_t c = 0;
  for (; c < inner.begin; ++c) pool_border<kIsMax>(a, rows, c);
  const vec scale = all(1.F / static_cast<float>(counted(a, rows, {0, a.kernel_w}, inner.begin * a.stride_w - a.left)));
  for (; c + 4 <= inner.end; c += 4) pool_tile<4, K, S, kIsMax>(a, rows, c, scale);
  for (; c < inner.end; ++c) pool_tile<1, K, S, kIsMax>(a, rows, c, scale);
  for (; c < a.out_width; ++c) pool_border<kIsMax>(a, rows, c);
}

static void pool_row(const PoolRowArguments& a) {
  const bool is_dense = a.dilation_w == 1;
  if (!a.is_max) return pool_columns<0, 0, false>(a);
  if (is_dense && a.kernel_w == 3 && a.stride_w == 2) return pool_columns<3, 2, true>(a);
  if (is_dense && a.kernel_w == 2 && a.stride_w == 2) return pool_columns<2, 2, true>(a);
  pool_columns<0, 0, true>(a);
}

static void mean(const float* x, int64_t pixels, float* y) {
  vec sums[4] = {};
  int64_t p = 0;
  for (; p + 4 <= pixels; p += 4)
    for (int i = 0; i < 4; ++i) sums[i] += load(x + (p + i) * kLanes);
  for (; p < pixels; ++p) sums[0] += load(x + p * kLanes);
  store(y, (sums[0] + sums[1] + sums[2] + sums[3]) / static_cast<float>(pixels));
}
