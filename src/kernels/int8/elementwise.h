// What is done value by value, and pooling. A tail shorter than a vector goes through a copy.

template <bool kIsSigned>
static SCISSIONLITE_INLINE void widen_run(const uint8_t* x, int64_t count, svec zeros, int16_t* y) {
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) store_as(y + i, bytes_to_words(x + i, kIsSigned) - zeros);
  for (; i < count; ++i) y[i] = static_cast<int16_t>((kIsSigned ? static_cast<int8_t>(x[i]) : static_cast<int32_t>(x[i])) - zeros[0]);
}
/// One vector a pixel, as depthwise convolutions read them.
template <bool kIsSigned>
static SCISSIONLITE_INLINE void widen_vectors(const uint8_t* x, int64_t x_pixel, int64_t pixels, svec zeros, int16_t* y) {
#pragma GCC unroll 4
  for (int64_t p = 0; p < pixels; ++p, x += x_pixel, y += 2 * kLanes) store_as(y, bytes_to_words(x, kIsSigned) - zeros);
}
static void widen(const uint8_t* x, int64_t x_pixel, int64_t pixels, int64_t count, bool is_signed, int32_t zero, int16_t* y) {
  const svec zeros = static_cast<int16_t>(zero) - svec{};
  if (x_pixel == count) count *= pixels, pixels = 1;
  if (count == 2 * kLanes) return is_signed ? widen_vectors<true>(x, x_pixel, pixels, zeros, y) : widen_vectors<false>(x, x_pixel, pixels, zeros, y);
  for (int64_t p = 0; p < pixels; ++p) {
    if (is_signed) widen_run<true>(x + p * x_pixel, count, zeros, y + p * count);
    else widen_run<false>(x + p * x_pixel, count, zeros, y + p * count);
  }
}

/// Constants of a call in registers: stores of bytes may alias the arguments.
struct Binary {
  explicit SCISSIONLITE_INLINE Binary(const Int8BinaryArguments& f)
      : a_scale(all(f.a_scale)),
        b_scale(all(f.b_scale)),
        offset(all(f.offset)),
        a_zero(all(f.a_zero)),
        b_zero(all(f.b_zero)),
        low(all(f.low)),
        high(all(f.high)) {}
  fvec a_scale, b_scale, offset, a_zero, b_zero, low, high;
};
template <bool kIsProduct, bool kIsASigned, bool kIsBSigned>
static SCISSIONLITE_INLINE ivec binary_vector(const Binary& f, const uint8_t* a, const uint8_t* b) {
  const fvec x = __builtin_convertvector(bytes_to_lanes(a, kIsASigned), fvec), z = __builtin_convertvector(bytes_to_lanes(b, kIsBSigned), fvec);
  const fvec v = kIsProduct ? multiply_add((x - f.a_zero) * (z - f.b_zero), f.a_scale, f.offset)
                            : multiply_add(x, f.a_scale, multiply_add(z, f.b_scale, f.offset));
  return rounded(bounded(v, f.low, f.high));
}
template <bool kIsProduct, bool kIsASigned, bool kIsBSigned>
static void binary_as(const Int8BinaryArguments& arguments) {
  const Binary f(arguments);
  const uint8_t *a = arguments.a, *b = arguments.b;
  uint8_t* y = arguments.y;
  const int64_t count = arguments.count;
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    ivec v[4];
    for (int j = 0; j < 4; ++j) v[j] = binary_vector<kIsProduct, kIsASigned, kIsBSigned>(f, a + i + j * kLanes, b + i + j * kLanes);
    store_bytes(y + i, v);
  }
  for (; i < count; i += kLanes) {
    const int64_t rest = count - i < kLanes ? count - i : kLanes;
    uint8_t from_a[kLanes] = {}, from_b[kLanes] = {}, to[kLanes];
    for (int64_t j = 0; j < rest; ++j) from_a[j] = a[i + j], from_b[j] = b[i + j];
    store_bytes(to, binary_vector<kIsProduct, kIsASigned, kIsBSigned>(f, from_a, from_b));
    for (int64_t j = 0; j < rest; ++j) y[i + j] = to[j];
  }
}
template <bool kIsProduct>
static void binary_of(const Int8BinaryArguments& f) {
  if (f.is_a_signed) f.is_b_signed ? binary_as<kIsProduct, true, true>(f) : binary_as<kIsProduct, true, false>(f);
  else f.is_b_signed ? binary_as<kIsProduct, false, true>(f) : binary_as<kIsProduct, false, false>(f);
}
static void binary(const Int8BinaryArguments& f) { f.is_product ? binary_of<true>(f) : binary_of<false>(f); }

template <typename Bytes>
static SCISSIONLITE_INLINE void max_vector(const Int8PoolArguments& f, int64_t c, uint8_t* y) {
  auto most = load_as<Bytes>(f.x[0] + c);
  for (int64_t t = 1; t < f.taps; ++t) {
    const auto v = load_as<Bytes>(f.x[t] + c);
    most = v > most ? v : most;
  }
  store_as(y, most);
}
/// Whole vectors, the last one moved back so that it ends with the channels. @return channels done: all, or none where they are fewer than a vector.
template <typename Whole, typename Wide, typename Narrow>
static SCISSIONLITE_INLINE int64_t max_vectors(const Int8PoolArguments& f) {
  if (f.channels < kLanes) return 0;
  int64_t c = 0;
  for (; c + 4 * kLanes <= f.channels; c += 4 * kLanes) max_vector<Whole>(f, c, f.y + c);
  for (; c + 2 * kLanes <= f.channels; c += 2 * kLanes) max_vector<Wide>(f, c, f.y + c);
  for (; c < f.channels; c += kLanes) {
    const int64_t first = c + kLanes <= f.channels ? c : f.channels - kLanes;
    max_vector<Narrow>(f, first, f.y + first);
  }
  return f.channels;
}
static void max_pixel(const Int8PoolArguments& f) {
  int64_t c = f.is_signed ? max_vectors<sbytes4, sbytes2, sbytes>(f) : max_vectors<bytes4, ubytes2, ubytes>(f);
  const int flip = f.is_signed ? 128 : 0;  // orders signed bytes as unsigned ones
  for (; c < f.channels; ++c) {
    int most = f.x[0][c] ^ flip;
    for (int64_t t = 1; t < f.taps; ++t) most = (f.x[t][c] ^ flip) > most ? f.x[t][c] ^ flip : most;
    f.y[c] = static_cast<uint8_t>(most ^ flip);
  }
}

/// Bytes of one tap, with zeros past the last channel.
static SCISSIONLITE_INLINE ivec tap_lanes(const Int8PoolArguments& f, int64_t t, int64_t c, int64_t count) {
  if (count == kLanes) return bytes_to_lanes(f.x[t] + c, f.is_signed);
  uint8_t x[kLanes] = {};
  for (int64_t j = 0; j < count; ++j) x[j] = f.x[t][c + j];
  return bytes_to_lanes(x, f.is_signed);
}
static SCISSIONLITE_INLINE ivec integer_mean(const Int8PoolArguments& f, int64_t c, int64_t count, const End& end) {
  ivec sum = all(static_cast<int32_t>(-f.taps * f.x_zero));
  for (int64_t t = 0; t < f.taps; ++t) sum += tap_lanes(f, t, c, count);
  return requantised(sum, all(f.scale), end);
}
/// As ONNX Runtime's QLinearAveragePool rounds: halves come out as they do there, with the zero point added before.
static SCISSIONLITE_INLINE ivec float_mean(const Int8PoolArguments& f, int64_t c, int64_t count) {
  const fvec zero = all(static_cast<float>(f.zero));
  fvec sum{};
  for (int64_t t = 0; t < f.taps; ++t) sum += rounded_product(__builtin_convertvector(tap_lanes(f, t, c, count) - f.x_zero, fvec), all(f.scale));
  return rounded(bounded(sum / f.counted / f.y_scale + zero, f.low + zero, f.high + zero));
}
static void mean_pixel(const Int8PoolArguments& f) {
  const End end(Requantise{nullptr, f.zero, f.low, f.high});
  for (int64_t c = 0; c < f.channels; c += kLanes) {
    const int64_t count = f.channels - c < kLanes ? f.channels - c : kLanes;
    uint8_t y[kLanes];
    store_bytes(y, f.counted > 0 ? float_mean(f, c, count) : integer_mean(f, c, count, end));
    for (int64_t j = 0; j < count; ++j) f.y[c + j] = y[j];
  }
}

static void quantise(const float* x, int64_t count, float scale, int32_t zero, float low, float high, uint8_t* y) {
  const fvec by = all(scale), least = all(low), most = all(high);
  const ivec zeros = all(zero);
  int64_t i = 0;
  for (; i + 4 * kLanes <= count; i += 4 * kLanes) {
    ivec v[4];
    for (int j = 0; j < 4; ++j) v[j] = rounded(bounded(load_as<fvec>(x + i + j * kLanes) / by, least, most)) + zeros;
    store_bytes(y + i, v);
  }
  for (; i < count; i += kLanes) {
    const int64_t rest = count - i < kLanes ? count - i : kLanes;
    float from[kLanes] = {};
    uint8_t to[kLanes];
    for (int64_t j = 0; j < rest; ++j) from[j] = x[i + j];
    store_bytes(to, rounded(bounded(load_as<fvec>(from) / by, least, most)) + zeros);
    for (int64_t j = 0; j < rest; ++j) y[i + j] = to[j];
  }
}

static void dequantise(const uint8_t* x, int64_t count, bool is_signed, int32_t zero, float scale, float* y) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store_as(y + i, __builtin_convertvector(bytes_to_lanes(x + i, is_signed) - zero, fvec) * scale);
  for (; i < count; ++i) y[i] = static_cast<float>((is_signed ? static_cast<int8_t>(x[i]) : static_cast<int32_t>(x[i])) - zero) * scale;
}

static void to_floats(const int32_t* sums, const int32_t* bias, const float* scale, const float* offset, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<float>(sums[i] + bias[i]) * scale[i] + offset[i];
}

static void requantise(const int32_t* sums, const int32_t* bias, const Requantise& f, int64_t count, uint8_t* y) {
  const End end(f);
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t part = count - i < kLanes ? count - i : kLanes;
    int32_t sum[kLanes] = {};
    float scale[kLanes] = {};
    uint8_t bytes[kLanes];
    for (int64_t j = 0; j < part; ++j) sum[j] = sums[i + j] + bias[i + j], scale[j] = f.scale[i + j];
    store_bytes(bytes, requantised(load_as<ivec>(sum), load_as<fvec>(scale), end));
    for (int64_t j = 0; j < part; ++j) y[i + j] = bytes[j];
  }
}
