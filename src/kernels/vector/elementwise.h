// Loops over single values and over channel blocks.

template <typename Body>
static SCISSIONLITE_INLINE void over(int64_t count, const float* a, float* y, Body body) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, body(load(a + i), i, kLanes));
  if (i == count) return;
  float rest[kLanes] = {};
  for (int64_t k = i; k < count; ++k) rest[k - i] = a[k];
  const vec result = body(load(rest), i, count - i);
  store(rest, result);
  for (int64_t k = i; k < count; ++k) y[k] = rest[k - i];
}

static void activate_all(const float* x, float* y, int64_t count, const ActivationArguments& f) {
  with_activation(f, [&](auto apply) { over(count, x, y, [&](vec v, int64_t, int64_t) { return apply(v); }); });
}

template <BinaryKind kKind>
static SCISSIONLITE_INLINE vec combine(vec a, vec b) {
  switch (kKind) {
    case BinaryKind::kAdd: return a + b;
    case BinaryKind::kSub: return a - b;
    case BinaryKind::kMul: return a * b;
    case BinaryKind::kDiv: return a / b;
    case BinaryKind::kMin: return (b < a) | (b != b) ? b : a;  // no number where either is none
    case BinaryKind::kMax: return (b > a) | (b != b) ? b : a;
  }
  return a;
}

template <BinaryKind kKind>
static void combine_all(const BinaryArguments& a) {
  const auto join = [&](vec x, vec b) { return a.is_swapped ? combine<kKind>(b, x) : combine<kKind>(x, b); };
  if (a.second == BinaryArguments::Second::kWhole) {
    over(a.count, a.a, a.y, [&](vec x, int64_t at, int64_t left) {
      if (left == kLanes) return join(x, load(a.b + at));
      float rest[kLanes] = {};
      for (int64_t k = 0; k < left; ++k) rest[k] = a.b[at + k];
      return join(x, load(rest));
    });
    return;
  }
  if (a.second == BinaryArguments::Second::kOne) {
    const vec b = all(a.b[0]);
    over(a.count, a.a, a.y, [&](vec x, int64_t, int64_t) { return join(x, b); });
    return;
  }
  const int64_t blocks = a.count / (a.pixels * kLanes);
  if (a.second == BinaryArguments::Second::kPerPixel) {
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t p = 0; p < a.pixels; ++p) {
        const int64_t at = (block * a.pixels + p) * kLanes;
        store(a.y + at, join(load(a.a + at), all(a.b[p])));
      }
    return;
  }
  for (int64_t block = 0; block < blocks; ++block) {
    const vec b = load(a.b + block * kLanes);
    const int64_t at = block * a.pixels * kLanes;
    for (int64_t p = 0; p < a.pixels; ++p) store(a.y + at + p * kLanes, join(load(a.a + at + p * kLanes), b));
  }
}

template <BinaryKind kKind>
static void binary_of(const BinaryArguments& a) {
  combine_all<kKind>(a);
  if (a.activation.kind != ActivationKind::kNone) activate_all(a.y, a.y, a.count, a.activation);
}

static void binary(const BinaryArguments& a) {
  switch (a.kind) {
    case BinaryKind::kAdd: return binary_of<BinaryKind::kAdd>(a);
    case BinaryKind::kSub: return binary_of<BinaryKind::kSub>(a);
    case BinaryKind::kMul: return binary_of<BinaryKind::kMul>(a);
    case BinaryKind::kDiv: return binary_of<BinaryKind::kDiv>(a);
    case BinaryKind::kMin: return binary_of<BinaryKind::kMin>(a);
    case BinaryKind::kMax: return binary_of<BinaryKind::kMax>(a);
  }
}

/// Rounded twice, as ONNX Runtime's BatchNormalization: bytes that follow come out the same.
static void scale_shift(const float* x, const float* scale, const float* shift, float* y, int64_t pixels, const ActivationArguments& f) {
  const vec a = load(scale), b = load(shift);
  with_activation(f, [&](auto apply) {
    for (int64_t p = 0; p < pixels; ++p) store(y + p * kLanes, apply(rounded_product(load(x + p * kLanes), a) + b));
  });
}
