// Rows of depthwise outputs: each channel is filtered on its own, two taps an instruction.
//   for p in pixels, c in channels: y[p][c] = requantised(bias[c] + sum over taps t of x[p * x_pixel + taps_at[t] + c] * w[t, c])

constexpr int kDepthwiseChannels = 2 * kLanes;

template <int P>
static SCISSIONLITE_INLINE void store_depthwise(const Int8DepthwiseArguments& a, const ivec (&first)[P], const ivec (&second)[P], uint8_t* y) {
  const End end(a.end);
  const fvec scale0 = load_as<fvec>(a.end.scale), scale1 = load_as<fvec>(a.end.scale + kLanes);
  const int64_t step = a.y_pixel, channels = a.channels;
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

/// kPairs 0: as many as the arguments say.
template <int kPairs, int P>
static SCISSIONLITE_INLINE void depthwise_pixels(const Int8DepthwiseArguments& a, const int16_t* x, uint8_t* y) {
  ivec first[P], second[P];
  for (int p = 0; p < P; ++p) first[p] = load_as<ivec>(a.bias), second[p] = load_as<ivec>(a.bias + kLanes);
  const int64_t pairs = kPairs > 0 ? kPairs : a.pairs, step = a.x_pixel;
  for (int64_t t = 0; t < pairs; ++t) {
    const svec w0 = load_as<svec>(a.w + t * 4 * kLanes), w1 = load_as<svec>(a.w + t * 4 * kLanes + 2 * kLanes);
    const int16_t *at0 = x + a.taps_at[2 * t], *at1 = x + a.taps_at[2 * t + 1];
    for (int p = 0; p < P; ++p) {
      svec low, high;
      interleave(load_as<svec>(at0 + p * step), load_as<svec>(at1 + p * step), low, high);
      first[p] = dot2(first[p], w0, low);
      second[p] = dot2(second[p], w1, high);
    }
  }
  store_depthwise<P>(a, first, second, y);
}

template <int kPairs>
static void depthwise_as(const Int8DepthwiseArguments& a) {
  int64_t p = 0;
  for (; p + 4 <= a.pixels; p += 4) depthwise_pixels<kPairs, 4>(a, a.x + p * a.x_pixel, a.y + p * a.y_pixel);
  for (; p < a.pixels; ++p) depthwise_pixels<kPairs, 1>(a, a.x + p * a.x_pixel, a.y + p * a.y_pixel);
}
static void depthwise_row(const Int8DepthwiseArguments& a) {
  if (a.pairs == 5) return depthwise_as<5>(a);
  depthwise_as<0>(a);
}
