// Rows of depthwise outputs: each channel is filtered on its own, two taps of a column an instruction.
//   for p in pixels, c in channels: y[p][c] = requantised(bias[c] + sum over taps (i, j) of x[p * stride + j][i][c] * w[j, i, c])

constexpr int kDepthwiseChannels = 2 * kLanes;

template <int P>
static SCISSIONLITE_INLINE void store_depthwise(const Int8DepthwiseArguments& a, const ivec (&first)[P], const ivec (&second)[P], uint8_t* y) {
  const End end(a.end);
  const fvec scale0 = load_as<fvec>(a.end.scale), scale1 = load_as<fvec>(a.end.scale + kLanes);
  const int64_t step = a.y_pixel, channels = a.channels;
#pragma GCC unroll 8
  for (int p = 0; p < P; ++p) {
    const ivec q0 = requantised(first[p], scale0, end), q1 = requantised(second[p], scale1, end);
    if (channels == kDepthwiseChannels) {
      store_interleaved(y + p * step, q0, q1);
      continue;
    }
    uint8_t bytes[kDepthwiseChannels];
    store_interleaved(bytes, q0, q1);
    for (int64_t c = 0; c < channels; ++c) y[p * step + c] = bytes[c];
  }
}

/// Taps (row, row + 1) of one column, the last row of an odd number with zeros; 2 * kLanes channels.
static SCISSIONLITE_INLINE void column_pair(const int16_t* x, int64_t row, int64_t rows, int64_t x_row, svec& low, svec& high) {
  interleave(load_as<svec>(x + row * x_row), row + 1 < rows ? load_as<svec>(x + (row + 1) * x_row) : svec{}, low, high);
}

/// P neighbouring outputs of a kernel that is known: a column's pairs serve all outputs that it is read for.
template <int H, int W, int S, int P>
static SCISSIONLITE_INLINE void known_pixels(const Int8DepthwiseArguments& a, const int16_t* x, uint8_t* y) {
  constexpr int kPairs = (H + 1) / 2;
  ivec first[P], second[P];
  for (int p = 0; p < P; ++p) first[p] = load_as<ivec>(a.bias), second[p] = load_as<ivec>(a.bias + kLanes);
  const int64_t x_row = a.x_row, x_column = a.x_column;
  const int16_t* w = a.w;
#pragma GCC unroll 16
  for (int column = 0; column < (P - 1) * S + W; ++column)
#pragma GCC unroll 4
    for (int pair = 0; pair < kPairs; ++pair) {
      svec low, high;
      column_pair(x + column * x_column, 2 * pair, H, x_row, low, high);
#pragma GCC unroll 8
      for (int p = 0; p < P; ++p) {
        const int j = column - p * S;
        if (j < 0 || j >= W) continue;
        const int16_t* weights = w + (j * kPairs + pair) * 4 * kLanes;
        first[p] = dot2(first[p], load_as<svec>(weights), low);
        second[p] = dot2(second[p], load_as<svec>(weights + 2 * kLanes), high);
      }
    }
  store_depthwise<P>(a, first, second, y);
}
template <int H, int W, int S>
static void known_row(const Int8DepthwiseArguments& a) {
  int64_t p = 0;
  for (; p + 4 <= a.pixels; p += 4) known_pixels<H, W, S, 4>(a, a.x + p * a.x_pixel, a.y + p * a.y_pixel);
  for (; p < a.pixels; ++p) known_pixels<H, W, S, 1>(a, a.x + p * a.x_pixel, a.y + p * a.y_pixel);
}

static void any_row(const Int8DepthwiseArguments& a) {
  const int64_t pairs = (a.kernel_h + 1) / 2;
  for (int64_t p = 0; p < a.pixels; ++p) {
    ivec first[1] = {load_as<ivec>(a.bias)}, second[1] = {load_as<ivec>(a.bias + kLanes)};
    for (int64_t j = 0; j < a.kernel_w; ++j)
      for (int64_t pair = 0; pair < pairs; ++pair) {
        svec low, high;
        column_pair(a.x + p * a.x_pixel + j * a.x_column, 2 * pair, a.kernel_h, a.x_row, low, high);
        const int16_t* weights = a.w + (j * pairs + pair) * 4 * kLanes;
        first[0] = dot2(first[0], load_as<svec>(weights), low);
        second[0] = dot2(second[0], load_as<svec>(weights + 2 * kLanes), high);
      }
    store_depthwise<1>(a, first, second, a.y + p * a.y_pixel);
  }
}

static void depthwise_row(const Int8DepthwiseArguments& a) {
  const bool is_square = a.kernel_h == a.kernel_w, is_one = a.x_pixel == a.x_column, is_two = a.x_pixel == 2 * a.x_column;
  if (is_square && a.kernel_h == 3 && is_one) return known_row<3, 3, 1>(a);
  if (is_square && a.kernel_h == 3 && is_two) return known_row<3, 3, 2>(a);
  if (is_square && a.kernel_h == 5 && is_one) return known_row<5, 5, 1>(a);
  if (is_square && a.kernel_h == 5 && is_two) return known_row<5, 5, 2>(a);
  any_row(a);
}
