// The register tile: P pixels times Q vectors of output channels stay in registers over all steps. Per input value Q loads of
// weights, P broadcasts and P * Q multiply-adds, so that loads stay below the two a cycle that machines have.
// See PanelArguments for the loop nest.

template <int P, int Q>
static SCISSIONLITE_INLINE void add_input(const PixelsAt<P>& at, int64_t i, const float* w, vec (&sums)[P][Q]) {
  vec weights[Q];
#pragma GCC unroll 8
  for (int q = 0; q < Q; ++q) weights[q] = load(w + q * kLanes);
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    const vec value = at.value(p, i);
#pragma GCC unroll 8
    for (int q = 0; q < Q; ++q) sums[p][q] += value * weights[q];
  }
}

/// Lines of Q vectors of weights, `ahead` floats behind w.
template <int Q>
static SCISSIONLITE_INLINE void prefetch_weights(const float* w, int64_t ahead) {
  constexpr int kLine = 16;  // floats
#pragma GCC unroll 8
  for (int at = 0; at < Q * kLanes; at += kLine) __builtin_prefetch(w + ahead + at);
}

/// kInputs values a step, a.inputs when it is 0.
template <int P, int Q, int kInputs, bool kPrefetches>
static SCISSIONLITE_INLINE void accumulate(const PanelArguments& a, const float* x, Fetch& fetch, vec (&sums)[P][Q]) {
  const float* w = a.w;
  const int64_t pixel = a.x_pixel, whole_steps = kInputs > 0 ? a.steps - a.short_steps : a.steps;
  for (int64_t s = 0; s < whole_steps; ++s) {
    const float* first = x + a.steps_at[s];
    const PixelsAt<P> at(first, pixel);
    if (kInputs > 0) {
      fetch.some();
      if (a.is_first_read) {  // the next tile's pixels: too short a run for the machine's own prefetching to follow
#pragma GCC unroll 8
        for (int line = 0; line < P * kLanes; line += 16) __builtin_prefetch(first + P * pixel + line);
      }
#pragma GCC unroll 16
      for (int i = 0; i < kInputs; ++i) {
        if (kPrefetches) prefetch_weights<Q>(w, a.ahead);
        add_input(at, i, w, sums);
        w += Q * kLanes;
      }
    } else {
#pragma GCC unroll 3
      for (int64_t i = 0; i < a.inputs; ++i) {
        add_input(at, i, w, sums);
        w += Q * kLanes;
      }
    }
  }
  if (kInputs > 0)
    for (int64_t s = whole_steps; s < a.steps; ++s, w += kInputs * Q * kLanes) {
      const PixelsAt<P> at(x + a.steps_at[s], pixel);
      for (int64_t i = 0; i < a.short_inputs; ++i) add_input(at, i, w + i * Q * kLanes, sums);
    }
}

template <int P, int Q, int kInputs, bool kPrefetches>
static void panel_tile(const PanelArguments& a, int64_t first, Fetch& fetch) {
  vec sums[P][Q];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
    for (int q = 0; q < Q; ++q) sums[p][q] = a.bias ? load(a.bias + q * kLanes) : vec{};
  accumulate<P, Q, kInputs, kPrefetches>(a, a.x + first * a.x_pixel, fetch, sums);
  const vec low = all(lower_bound(a.activation)), high = all(upper_bound(a.activation));
  const int64_t residual_vector = a.residual_vector ? a.residual_vector : a.y_vector;
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
#pragma GCC unroll 8
    for (int q = 0; q < Q; ++q) {
      const int64_t at = q * a.y_vector + (first + p) * a.y_pixel;
      if (a.residual) sums[p][q] += load(a.residual + q * residual_vector + (first + p) * a.y_pixel);
      store(a.y + at, min_of(high, max_of(low, sums[p][q])));
    }
  if (a.activation.kind > ActivationKind::kClip) activate_stored(a.y + first * a.y_pixel, Q, a.y_vector, P, a.y_pixel, a.activation);
}

/// The tallest tile that leaves registers for the weights and one broadcast.
template <int Q>
constexpr int tile_pixels() {
  constexpr int kRegisters = kLanes == 8 ? 16 : 32;  // AVX-512 and arm-64 have 32; SSE's 16 are too few for more anyway
  return Q == 1 ? (kRegisters == 16 ? 8 : 14) : (kRegisters - Q - 1) / Q > 14 ? 14 : (kRegisters - Q - 1) / Q;
}

using TileFunction = void (*)(const PanelArguments&, int64_t, Fetch&);

template <int Q, int kInputs, int... P>
struct TileTable {
  static constexpr TileFunction kByPixels[] = {nullptr, panel_tile<P, Q, kInputs, false>...};
  static constexpr TileFunction kPrefetching[] = {nullptr,
                                                  panel_tile<P, Q, kInputs, (kInputs > 0)>...};  // plain inputs are few: so are their weights
};
template <int Q, int kInputs, typename Sequence>
struct TilesOf;
template <int N, int... P>
struct Count : Count<N - 1, N, P...> {};
template <int... P>
struct Count<0, P...> {
  template <int Q, int kInputs>
  using Table = TileTable<Q, kInputs, P...>;
};

/// Splits the run into tiles whose sizes differ by one at most: a short last tile would leave the multipliers waiting. Only the first
/// tile finds its weights out of cache.
template <int Q, int kInputs>
static void panel_run(const PanelArguments& a) {
  constexpr int kMost = tile_pixels<Q>();
  using Table = typename Count<kMost>::template Table<Q, kInputs>;
  const int64_t most = a.most_pixels > 0 && a.most_pixels < kMost ? a.most_pixels : kMost, tiles = (a.pixels + most - 1) / most;
  const int64_t next_floats = tiles > 1 ? a.next_floats : 0;  // a single tile reads weights as fast as they come: fetching more would be in its way
  Fetch fetch(a.next_w, next_floats * static_cast<int64_t>(sizeof(float)), tiles * a.steps);
  int64_t first = 0;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t size = (a.pixels - first) / (tiles - t);
    (a.ahead > 0 && t == 0 ? Table::kPrefetching : Table::kByPixels)[size](a, first, fetch);
    first += size;
  }
}

template <int kInputs>
static void panel(const PanelArguments& a) {
  switch (a.vectors) {
    case 1: return panel_run<1, kInputs>(a);
    case 2: return panel_run<2, kInputs>(a);
    case 3: return panel_run<3, kInputs>(a);
    case 4: return panel_run<4, kInputs>(a);
  }
}
