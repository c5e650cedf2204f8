// From sums to bytes or planes. Included by the loops of one instruction set only, inside its own namespace, after planes.h.

/// Of all outputs of a pixel; kIsPlain: codes from 0 on, of which 0 is the least, and `factor` is 1 or 2.
template <bool kIsPlain>
static SCISSIONLITE_INLINE void end_pixel(const LowBitEndArguments& a, const End& end, const int32_t* sums, uvec offset, uint8_t* to) {
  ivec q[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    uvec sum = load_as<uvec>(sums + j * kLanes);
    if constexpr (kIsPlain) sum = a.factor == 2 ? sum + sum : sum;
    else sum *= reinterpret_cast<uvec>(all(a.factor));
    sum += load_as<uvec>(a.bias + j * kLanes) + offset;
    const fvec scale = load_as<fvec>(a.end.scale + j * kLanes);
#if defined(__AVX512BW__)
    // a value too low for int32 becomes the least one there is, which is stored as 0
    if constexpr (kIsPlain)
      q[j] = rounded(reinterpret_cast<fvec>(_mm512_min_ps(__builtin_convertvector(reinterpret_cast<ivec>(sum), fvec) * scale, end.high)));
    else
#endif
      q[j] = requantised(reinterpret_cast<ivec>(sum), scale, end);
  }
#if defined(__AVX512BW__)
  if constexpr (kIsPlain) {
    const auto at = [&](int j) { return reinterpret_cast<__m512i>(q[j]); };
    const __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(at(0), at(1)), _mm512_packs_epi32(at(2), at(3)));
    _mm512_storeu_si512(to, _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), bytes));
    return;
  }
#endif
  store_bytes(to, q);
}

/// Of the first `channels` outputs of a pixel.
static SCISSIONLITE_INLINE void end_some(const LowBitEndArguments& a, const End& end, const int32_t* sums, uvec offset, uint8_t* to) {
  for (int64_t c = 0; c < a.channels; c += kLanes) {
    const uvec sum = load_as<uvec>(sums + c) * reinterpret_cast<uvec>(all(a.factor)) + load_as<uvec>(a.bias + c) + offset;
    const ivec q = requantised(reinterpret_cast<ivec>(sum), load_as<fvec>(a.end.scale + c), end);
    if (c + kLanes <= a.channels) {
      store_bytes(to + c, q);
    } else {
      uint8_t bytes[kLanes];
      store_bytes(bytes, q);
      for (int64_t i = c; i < a.channels; ++i) to[i] = bytes[i - c];
    }
  }
}

/// To bit planes; of outputs that are not there, 0.
template <bool kIsPlain>
static SCISSIONLITE_INLINE void end_planes(const LowBitEndArguments& a, const End& end, const int32_t* sums, uvec offset, uint8_t* to) {
  alignas(64) uint8_t bytes[kOutputs];
  end_pixel<kIsPlain>(a, end, sums, offset, bytes);
  for (int64_t c = a.channels; c < kOutputs; ++c) bytes[c] = 0;
  store_planes(load_as<codevec>(bytes), a.channels, a.y_bits, to, a.plane_bytes);
}

template <bool kIsPlain>
static void end_all(const LowBitEndArguments& a) {
  const End end(a.end);
  for (int64_t p = 0; p < a.pixels; ++p) {
    const int32_t* const sums = a.sums + p * kOutputs;
    const uvec offset =
        reinterpret_cast<uvec>(all(a.x_sums ? static_cast<int32_t>(static_cast<uint32_t>(a.x_sums[p]) * static_cast<uint32_t>(a.x_factor)) : 0));
    uint8_t* const to = a.y + p * a.y_pixel;
    if (a.y_bits > 0) end_planes<kIsPlain>(a, end, sums, offset, to);
    else if (a.channels == kOutputs) end_pixel<kIsPlain>(a, end, sums, offset, to);
    else end_some(a, end, sums, offset, to);
  }
}
static void end_pixels(const LowBitEndArguments& a) {
  if (a.end.zero == 0 && a.end.low == 0 && (a.factor == 1 || a.factor == 2)) end_all<true>(a);
  else end_all<false>(a);
}
