// The register tile: P pixels times Q vectors of output channels stay in registers over all steps. A word holds a pair of channels: of a
// pixel it is broadcast, of weights there is one a lane. See Bf16PanelArguments for the loop nest.

#if defined(__AVX512BF16__)
/// A word a lane, as an instruction multiplies it.
struct Words {
  vec both;
};
static SCISSIONLITE_INLINE Words words_of(vec words) { return {words}; }
static SCISSIONLITE_INLINE vec add_products(vec sum, const Words& w, const Words& x) {
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(w.both), reinterpret_cast<__m512bh>(x.both));
}
constexpr int kWordRegisters = 1;
#else
/// The two values of each word as float32, of which bf16 is the upper half.
struct Words {
  vec even, odd;
};
static SCISSIONLITE_INLINE Words words_of(vec words) {
  typedef uint32_t uvec __attribute__((vector_size(kLanes * sizeof(uint32_t))));
  const uvec bits = reinterpret_cast<uvec>(words);
  return {reinterpret_cast<vec>(bits << 16), reinterpret_cast<vec>(bits & 0xffff0000)};
}
static SCISSIONLITE_INLINE vec add_products(vec sum, const Words& w, const Words& x) {
  sum += w.even * x.even;
  return sum + w.odd * x.odd;
}
constexpr int kWordRegisters = 2;
#endif

template <int P, int Q>
static SCISSIONLITE_INLINE void add_pair(const SpacedWords<P>& at, int64_t i, const uint16_t* w, vec (&sums)[P][Q]) {
  Words weights[Q];
#pragma GCC unroll 8
  for (int q = 0; q < Q; ++q) weights[q] = words_of(load(reinterpret_cast<const float*>(w) + q * kLanes));
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    const Words value = words_of(reinterpret_cast<vec>(at.value(p, i * 4)));
#pragma GCC unroll 8
    for (int q = 0; q < Q; ++q) sums[p][q] = add_products(sums[p][q], weights[q], value);
  }
}

template <int P, int Q>
static void panel_tile(const Bf16PanelArguments& a, const uint16_t* x, int64_t y_at, Fetch& fetch) {
  vec sums[P][Q];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
    for (int q = 0; q < Q; ++q) sums[p][q] = a.bias ? load(a.bias + q * kLanes) : vec{};
  const uint16_t* w = a.w;
  const int64_t pixel = a.x_pixel, whole_steps = a.steps - a.short_steps;
  for (int64_t s = 0; s < a.steps; ++s, w += kBf16Pairs * Q * kLanes * 2) {
    const SpacedWords<P> at(x + a.steps_at[s], pixel * 2);
    fetch.some();
    if (s < whole_steps) {
#pragma GCC unroll 4
      for (int64_t i = 0; i < kBf16Pairs; ++i) add_pair(at, i, w + i * Q * kLanes * 2, sums);
    } else {
      for (int64_t i = 0; i < a.short_pairs; ++i) add_pair(at, i, w + i * Q * kLanes * 2, sums);
    }
  }
  const vec low = all(lower_bound(a.activation)), high = all(upper_bound(a.activation));
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
    for (int q = 0; q < Q; ++q) {
      const int64_t to = y_at + q * a.y_vector + p * a.y_pixel;
      if (a.residual) sums[p][q] += load(a.residual + to);
      store(a.y + to, min_of(high, max_of(low, sums[p][q])));
    }
  if (a.activation.kind > ActivationKind::kClip) activate_stored(a.y + y_at, Q, a.y_vector, P, a.y_pixel, a.activation);
}

/// The tallest tile that leaves registers for the words of the weights and of one pixel.
template <int Q>
constexpr int tile_pixels() {
  constexpr int kRegisters = kLanes == 16 ? 32 : 16, kFree = kRegisters - (Q + 1) * kWordRegisters, kMost = kRegisters == 32 ? 14 : 8;
  return kFree / Q > kMost ? kMost : kFree / Q < 1 ? 1 : kFree / Q;
}

template <int P, int Q>
static void tile_of(const Bf16PanelArguments& a, int64_t pixels, const uint16_t* x, int64_t y_at, Fetch& fetch) {
  if (pixels == P) return panel_tile<P, Q>(a, x, y_at, fetch);
  if constexpr (P > 1) tile_of<P - 1, Q>(a, pixels, x, y_at, fetch);
}

/// Splits rows into tiles whose sizes differ by one at most.
template <int Q>
static void panel_rows(const Bf16PanelArguments& a) {
  constexpr int kMost = tile_pixels<Q>();
  const int64_t tiles = (a.pixels + kMost - 1) / kMost;
  Fetch fetch(a.next_w, a.next_bytes, a.rows * tiles * a.steps);
  for (int64_t row = 0; row < a.rows; ++row)
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t begin = a.pixels * t / tiles, end = a.pixels * (t + 1) / tiles;
      tile_of<kMost, Q>(a, end - begin, a.x + row * a.x_row + begin * a.x_pixel, row * a.y_row + begin * a.y_pixel, fetch);
    }
}

static void panel(const Bf16PanelArguments& a) {
  switch (a.vectors) {
    case 1: return panel_rows<1>(a);
    case 2: return panel_rows<2>(a);
    case 3: return panel_rows<3>(a);
    case 4: return panel_rows<4>(a);
  }
}
