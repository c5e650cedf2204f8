// Products of rows of bytes with packed weights in tiles. Included by the loops of one instruction set only, inside its own namespace, after unpack.h
// and tile_registers.h.
//
// A unit of packed weights is two steps of four inputs by four vectors of four bytes an output, so that eight units, unpacked as they lie, are four
// tiles of weights, a vector of outputs each, with their rows four vectors apart. A few steps of 64 inputs are unpacked into L1, then multiplied by
// all tiles of x. Sums of one tile of x stay in registers; those of several go to memory between blocks.

constexpr int64_t kTileUnits = kTileInputs / 8, kStepBytes = kTileInputs * kOutputs;
constexpr int64_t kStepsOfOneTile = 2;  // at once: what is unpacked next and what is multiplied may overlap
constexpr int64_t kUsualSteps = 6;      // 24 KiB of L1 where vectors are widest
constexpr int64_t kMostSteps = 9;       // of 3x3 taps of 64 channels: in one piece, whose sums never leave their tiles
static_assert(kTileRows == kMostTileRows && kLanes * 4 == kOutputs);

/// Units as bytes of u.
template <int kBits>
static void unpack_codes(const uint8_t* from, int64_t units, uint8_t* to) {
  for (int64_t i = 0; i < units; ++i, from += kBits * kOutputs, to += kUnitVectors * kOutputs) {
#if defined(__x86_64__)
    for (int line = 0; line < kBits * kOutputs; line += 64) __builtin_prefetch(from + kFetchBytes + line);
#endif
    codevec unit[kUnitVectors];
    if constexpr (kBits == 8)
      for (int v = 0; v < kUnitVectors; ++v) unit[v] = load_as<codevec>(from + v * kOutputs);
    else unpack_unit<kBits>(from, unit);
#pragma GCC unroll 8
    for (int v = 0; v < kUnitVectors; ++v) store_as(to + v * kOutputs, unit[v]);
  }
}
static void unpack_codes(const uint8_t* from, int bits, int64_t units, uint8_t* to) {
  switch (bits) {
    case 1: return unpack_codes<1>(from, units, to);
    case 2: return unpack_codes<2>(from, units, to);
    case 3: return unpack_codes<3>(from, units, to);
    case 4: return unpack_codes<4>(from, units, to);
    case 5: return unpack_codes<5>(from, units, to);
    case 6: return unpack_codes<6>(from, units, to);
    case 7: return unpack_codes<7>(from, units, to);
    default: return unpack_codes<8>(from, units, to);
  }
}

template <int kVector, typename Tiles>
static SCISSIONLITE_INLINE void add_vector(Tiles& tiles, const uint8_t* w) {
  tiles.template load<kWTile<kVector>>(w + kVector * kOutputs, 4 * kOutputs);
  tiles.template dot<kVector, kXTile, kWTile<kVector>>();
}
template <typename Tiles>
static SCISSIONLITE_INLINE void add_steps(Tiles& tiles, const uint8_t* x, int64_t x_row, const int64_t* places, const uint8_t* w, int64_t steps) {
  for (int64_t s = 0; s < steps; ++s, w += kStepBytes) {
    tiles.template load<kXTile>(x + places[s], x_row);
    add_vector<0>(tiles, w);
    add_vector<1>(tiles, w);
    add_vector<2>(tiles, w);
    add_vector<3>(tiles, w);
  }
}
template <typename Tiles>
static SCISSIONLITE_INLINE void begin_sums(Tiles& tiles) {
  tiles.template zero<0>();
  tiles.template zero<1>();
  tiles.template zero<2>();
  tiles.template zero<3>();
}
template <typename Tiles>
static SCISSIONLITE_INLINE void load_sums(Tiles& tiles, const int32_t* sums) {
  constexpr int64_t kRow = kOutputs * 4;
  tiles.template load<0>(sums, kRow);
  tiles.template load<1>(sums + kLanes, kRow);
  tiles.template load<2>(sums + 2 * kLanes, kRow);
  tiles.template load<3>(sums + 3 * kLanes, kRow);
}
template <typename Tiles>
static SCISSIONLITE_INLINE void store_sums(const Tiles& tiles, int32_t* sums) {
  constexpr int64_t kRow = kOutputs * 4;
  tiles.template store<0>(sums, kRow);
  tiles.template store<1>(sums + kLanes, kRow);
  tiles.template store<2>(sums + 2 * kLanes, kRow);
  tiles.template store<3>(sums + 3 * kLanes, kRow);
}

/// Where steps from `first` on lie in a row of x.
static SCISSIONLITE_INLINE void find_steps(const TileProductArguments& a, int64_t first, int64_t steps, int64_t* places) {
  for (int64_t s = 0; s < steps; ++s) {
    const int64_t at = (first + s) * kTileInputs;
    places[s] = a.x_run > 0 ? at / a.x_run * a.x_jump + at % a.x_run : at;
  }
}

template <typename Tiles>
static void tile_product(const TileProductArguments& a) {
  alignas(64) uint8_t w[kMostSteps * kStepBytes];
  int64_t places[kMostSteps];
  Tiles tiles(a.rows);
  const bool is_one = a.tiles == 1;
  const int64_t at_once = (is_one ? kStepsOfOneTile : a.units <= kMostSteps * kTileUnits ? kMostSteps : kUsualSteps) * kTileUnits;
  for (int64_t first = 0; first < a.units; first += at_once) {
    const int64_t units = a.units - first < at_once ? a.units - first : at_once, steps = (units + kTileUnits - 1) / kTileUnits;
    unpack_codes(a.packed + first * a.bits * kOutputs, a.bits, units, w);
    find_steps(a, first / kTileUnits, steps, places);
    for (int64_t v = units * kUnitVectors; v < steps * kTileUnits * kUnitVectors; ++v) store_as(w + v * kOutputs, codevec{});
    for (int64_t i = 0; i < a.tiles; ++i) {
      int32_t* const sums = a.sums + i * a.rows * kOutputs;
      if (first == 0) begin_sums(tiles);
      else if (!is_one) load_sums(tiles, sums);
      add_steps(tiles, a.x + i * a.rows * a.x_row, a.x_row, places, w, steps);
      if (!is_one || first + units == a.units) store_sums(tiles, sums);
    }
  }
}
