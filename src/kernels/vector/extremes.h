// Largest and smallest values of each lane.

template <bool kIsMax>
static SCISSIONLITE_INLINE void extremes_of(const float* x, int64_t vectors, float* y) {
  constexpr int kChains = 4;  // max_of and min_of take some cycles before the next can use them
  vec best[kChains];
  ivec is_none{};  // lanes that met something that is no number, which max_of and min_of drop
  for (auto& v : best) v = load(x);
  const auto take = [&](vec& to, const float* from) {
    const vec v = load(from);
    to = kIsMax ? max_of(v, to) : min_of(v, to);
    is_none |= v != v;
  };
  int64_t i = 0;
  for (; i + kChains <= vectors; i += kChains)
#pragma GCC unroll 4
    for (int k = 0; k < kChains; ++k) take(best[k], x + (i + k) * kLanes);
  for (; i < vectors; ++i) take(best[0], x + i * kLanes);
  for (int k = 1; k < kChains; ++k) best[0] = kIsMax ? max_of(best[k], best[0]) : min_of(best[k], best[0]);
  store(y, is_none != 0 ? all(__builtin_nanf("")) : best[0]);
}

static void extremes(bool is_max, const float* x, int64_t vectors, float* y) {
  is_max ? extremes_of<true>(x, vectors, y) : extremes_of<false>(x, vectors, y);
}
