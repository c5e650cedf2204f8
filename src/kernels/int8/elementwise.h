// What is done value by value, and pooling. A tail shorter than a vector goes through a copy.

template <bool kIsSigned>
static SCISSIONLITE_INLINE void widen_run(const uint8_t* x, int64_t count, svec zeros, int16_t* y) {
  int64_t i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    if constexpr (kIsSigned) store_as(y + i, __builtin_convertvector(load_as<sbytes2>(x + i), svec) - zeros);
    else store_as(y + i, __builtin_convertvector(load_as<ubytes2>(x + i), svec) - zeros);
  }
  for (; i < count; ++i) y[i] = static_cast<int16_t>((kIsSigned ? static_cast<int8_t>(x[i]) : static_cast<int32_t>(x[i])) - zeros[0]);
}
static void widen(const uint8_t* x, int64_t x_pixel, int64_t pixels, int64_t count, bool is_signed, int32_t zero, int16_t* y) {
  const svec zeros = static_cast<int16_t>(zero) - svec{};
  if (x_pixel == count) count *= pixels, pixels = 1;
  for (int64_t p = 0; p < pixels; ++p) {
    if (is_signed) widen_run<true>(x + p * x_pixel, count, zeros, y + p * count);
    else widen_run<false>(x + p * x_pixel, count, zeros, y + p * count);
  }
}

template <bool kIsProduct>
static SCISSIONLITE_INLINE void binary_vector(const Int8BinaryArguments& f, const uint8_t* a, const uint8_t* b, uint8_t* y) {
  const fvec x = __builtin_convertvector(bytes_to_lanes(a, f.is_a_signed), fvec), z = __builtin_convertvector(bytes_to_lanes(b, f.is_b_signed), fvec);
  const fvec v = kIsProduct ? (x - f.a_zero) * (z - f.b_zero) * f.a_scale + f.offset : (x * f.a_scale + f.offset) + z * f.b_scale;
  store_bytes(y, rounded(bounded(v, f.low, f.high)));
}
template <bool kIsProduct>
static void binary_as(const Int8BinaryArguments& f) {
  int64_t i = 0;
  for (; i + kLanes <= f.count; i += kLanes) binary_vector<kIsProduct>(f, f.a + i, f.b + i, f.y + i);
  if (i == f.count) return;
  uint8_t a[kLanes] = {}, b[kLanes] = {}, y[kLanes];
  for (int64_t j = i; j < f.count; ++j) a[j - i] = f.a[j], b[j - i] = f.b[j];
  binary_vector<kIsProduct>(f, a, b, y);
  for (int64_t j = i; j < f.count; ++j) f.y[j] = y[j - i];
}
static void binary(const Int8BinaryArguments& f) { f.is_product ? binary_as<true>(f) : binary_as<false>(f); }

template <typename Bytes>
static SCISSIONLITE_INLINE void max_vector(const Int8PoolArguments& f, int64_t c, uint8_t* y) {
  auto most = load_as<Bytes>(f.x[0] + c);
  for (int64_t t = 1; t < f.taps; ++t) {
    const auto v = load_as<Bytes>(f.x[t] + c);
    most = v > most ? v : most;
  }
  store_as(y, most);
}
static void max_pixel(const Int8PoolArguments& f) {
  int64_t c = 0;
  if (f.is_signed)
    for (; c + 2 * kLanes <= f.channels; c += 2 * kLanes) max_vector<sbytes2>(f, c, f.y + c);
  else
    for (; c + 2 * kLanes <= f.channels; c += 2 * kLanes) max_vector<ubytes2>(f, c, f.y + c);
  const int flip = f.is_signed ? 128 : 0;  // orders signed bytes as unsigned ones
  for (; c < f.channels; ++c) {
    int most = f.x[0][c] ^ flip;
    for (int64_t t = 1; t < f.taps; ++t) most = (f.x[t][c] ^ flip) > most ? f.x[t][c] ^ flip : most;
    f.y[c] = static_cast<uint8_t>(most ^ flip);
  }
}

static void mean_pixel(const Int8PoolArguments& f) {
  const End end(Requantise{nullptr, f.zero, f.low, f.high});
  for (int64_t c = 0; c < f.channels; c += kLanes) {
    const int64_t count = f.channels - c < kLanes ? f.channels - c : kLanes;
    ivec sum = all(static_cast<int32_t>(-f.taps * f.x_zero));
    uint8_t y[kLanes], x[kLanes] = {};
    for (int64_t t = 0; t < f.taps; ++t) {
      if (count == kLanes) {
        sum += bytes_to_lanes(f.x[t] + c, f.is_signed);
        continue;
      }
      for (int64_t j = 0; j < count; ++j) x[j] = f.x[t][c + j];
      sum += bytes_to_lanes(x, f.is_signed);
    }
    store_bytes(y, requantised(sum, all(f.scale), end));
    for (int64_t j = 0; j < count; ++j) f.y[c + j] = y[j];
  }
}

static void quantise(const float* x, int64_t count, float scale, int32_t zero, float low, float high, uint8_t* y) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store_bytes(y + i, rounded(bounded(load_as<fvec>(x + i) / scale, low, high)) + zero);
  if (i == count) return;
  float tail[kLanes] = {};
  uint8_t bytes[kLanes];
  for (int64_t j = i; j < count; ++j) tail[j - i] = x[j];
  store_bytes(bytes, rounded(bounded(load_as<fvec>(tail) / scale, low, high)) + zero);
  for (int64_t j = i; j < count; ++j) y[j] = bytes[j - i];
}

static void dequantise(const uint8_t* x, int64_t count, bool is_signed, int32_t zero, float scale, float* y) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store_as(y + i, __builtin_convertvector(bytes_to_lanes(x + i, is_signed) - zero, fvec) * scale);
  for (; i < count; ++i) y[i] = static_cast<float>((is_signed ? static_cast<int8_t>(x[i]) : static_cast<int32_t>(x[i])) - zero) * scale;
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
