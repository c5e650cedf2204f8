// Products of rows of bytes with packed weights in tiles. Included by the loops of one instruction set only, inside its own namespace, after unpack.h
// and tile_registers.h.
//
// A unit of packed weights is two steps of four inputs by four vectors of four bytes an output, so that eight units, unpacked as they lie, are four
// tiles of weights, a vector of outputs each, with their rows four vectors apart. A few steps of 64 inputs are unpacked into L1, then multiplied by
// all tiles of x, one after the other. Weights of 8 bits are read where they lie, by two tiles of x and two vectors at a time, so that each load
// serves two products. Sums stay in registers for these steps and go to memory between them.

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

/// Packed weights that are asked for while others are multiplied, `lines` of them a step: L3 is as slow as the products are fast.
struct Fetch {
  const uint8_t* next = nullptr;
  int64_t lines = 0;
  SCISSIONLITE_INLINE void operator()() {
#if defined(__x86_64__)
    constexpr int kIntoL2 = 2;
    for (int64_t line = 0; line < lines; ++line, next += 64) __builtin_prefetch(next, 0, kIntoL2);
#endif
  }
};

template <int kSums, int kX, int kW, typename Tiles>
static SCISSIONLITE_INLINE void add_vector(Tiles& tiles, const uint8_t* w) {
  tiles.template load<kW>(w, 4 * kOutputs);
  tiles.template dot<kSums, kX, kW>();
}
/// One tile of x by all vectors: sums are tiles 0 to 3.
template <typename Tiles>
static SCISSIONLITE_INLINE void add_one(Tiles& tiles, const uint8_t* x, int64_t x_row, const int64_t* places, const uint8_t* w, int64_t steps,
                                        Fetch& fetch) {
  for (int64_t s = 0; s < steps; ++s, w += kStepBytes) {
    fetch();
    tiles.template load<kXTile>(x + places[s], x_row);
    add_vector<0, kXTile, kWTile>(tiles, w);
    add_vector<1, kXTile, kWTile + 1>(tiles, w + kOutputs);
    add_vector<2, kXTile, kWTile>(tiles, w + 2 * kOutputs);
    add_vector<3, kXTile, kWTile + 1>(tiles, w + 3 * kOutputs);
  }
}
/// Two tiles of x by two vectors, of which each is loaded once for two products: sums are tiles 0 and 1, of the other x 2 and 3.
template <typename Tiles>
static SCISSIONLITE_INLINE void add_two(Tiles& tiles, const uint8_t* x, const uint8_t* other_x, int64_t x_row, const int64_t* places,
                                        const uint8_t* w, int64_t steps, Fetch& fetch) {
  for (int64_t s = 0; s < steps; ++s, w += kStepBytes) {
    fetch();
    tiles.template load<kXTile>(x + places[s], x_row);
    add_vector<0, kXTile, kWTile>(tiles, w);
    tiles.template load<kXTile + 1>(other_x + places[s], x_row);
    tiles.template dot<2, kXTile + 1, kWTile>();
    add_vector<1, kXTile, kWTile + 1>(tiles, w + kOutputs);
    tiles.template dot<3, kXTile + 1, kWTile + 1>();
  }
}

template <typename Tiles>
static SCISSIONLITE_INLINE void begin_sums(Tiles& tiles) {
  tiles.template zero<0>();
  tiles.template zero<1>();
  tiles.template zero<2>();
  tiles.template zero<3>();
}
/// Where the four tiles of sums lie.
struct PlacesOfSums {
  int32_t* of[4];
};
template <typename Tiles>
static SCISSIONLITE_INLINE void load_sums(Tiles& tiles, const PlacesOfSums& sums) {
  constexpr int64_t kRow = kOutputs * 4;
  tiles.template load<0>(sums.of[0], kRow);
  tiles.template load<1>(sums.of[1], kRow);
  tiles.template load<2>(sums.of[2], kRow);
  tiles.template load<3>(sums.of[3], kRow);
}
template <typename Tiles>
static SCISSIONLITE_INLINE void store_sums(const Tiles& tiles, const PlacesOfSums& sums) {
  constexpr int64_t kRow = kOutputs * 4;
  tiles.template store<0>(sums.of[0], kRow);
  tiles.template store<1>(sums.of[1], kRow);
  tiles.template store<2>(sums.of[2], kRow);
  tiles.template store<3>(sums.of[3], kRow);
}

/// Where steps from `first` on lie in a row of x.
static SCISSIONLITE_INLINE void find_steps(const TileProductArguments& a, int64_t first, int64_t steps, int64_t* places) {
  for (int64_t s = 0; s < steps; ++s) {
    const int64_t at = (first + s) * kTileInputs;
    places[s] = a.x_run > 0 ? at / a.x_run * a.x_jump + at % a.x_run : at;
  }
}

/// Some steps of all tiles of x.
struct TileSteps {
  const uint8_t* w = nullptr;
  const int64_t* places = nullptr;
  int64_t steps = 0;
  bool begins = true, ends = true;  // sums
};
/// All vectors of tile i.
template <typename Tiles>
static SCISSIONLITE_INLINE void add_tile(const TileProductArguments& a, const TileSteps& now, int64_t i, Tiles& tiles, Fetch& fetch) {
  int32_t* const sums = a.sums + i * a.rows * kOutputs;
  const PlacesOfSums at{{sums, sums + kLanes, sums + 2 * kLanes, sums + 3 * kLanes}};
  const bool stays = a.tiles == 1;
  if (now.begins) begin_sums(tiles);
  else if (!stays) load_sums(tiles, at);
  add_one(tiles, a.x + i * a.rows * a.x_row, a.x_row, now.places, now.w, now.steps, fetch);
  if (now.ends || !stays) store_sums(tiles, at);
}
/// All vectors of tiles i and i + 1, two at a time.
template <typename Tiles>
static SCISSIONLITE_INLINE void add_two_tiles(const TileProductArguments& a, const TileSteps& now, int64_t i, Tiles& tiles, Fetch& fetch) {
  const uint8_t* const x = a.x + i * a.rows * a.x_row;
  for (int vector = 0; vector < 4; vector += 2) {
    int32_t *const sums = a.sums + i * a.rows * kOutputs + vector * kLanes, *const other = sums + a.rows * kOutputs;
    const PlacesOfSums at{{sums, sums + kLanes, other, other + kLanes}};
    if (now.begins) begin_sums(tiles);
    else load_sums(tiles, at);
    add_two(tiles, x, x + a.rows * a.x_row, a.x_row, now.places, now.w + vector * kOutputs, now.steps, fetch);
    store_sums(tiles, at);
  }
}

template <typename Tiles>
static void tile_product(const TileProductArguments& a) {
  alignas(64) uint8_t unpacked[kMostSteps * kStepBytes];
  int64_t places[kMostSteps];
  Tiles tiles(a.rows);
  const bool is_one = a.tiles == 1, is_one_piece = a.units <= kMostSteps * kTileUnits;
  const int64_t most_units = (is_one ? kStepsOfOneTile : a.bits == 8 || is_one_piece ? kMostSteps : kUsualSteps) * kTileUnits;
  for (int64_t first = 0, units = 0; first < a.units; first += units) {
    units = a.units - first < most_units ? a.units - first : most_units;
    const bool is_in_place = a.bits == 8 && units >= kTileUnits;  // what is less than a step ends with zeros
    if (is_in_place) units = units / kTileUnits * kTileUnits;
    const int64_t steps = (units + kTileUnits - 1) / kTileUnits, bytes = units * a.bits * kOutputs;
    const uint8_t* const packed = a.packed + first * a.bits * kOutputs;
    if (!is_in_place) {
      unpack_codes(packed, a.bits, units, unpacked);
      for (int64_t v = units * kUnitVectors; v < steps * kTileUnits * kUnitVectors; ++v) store_as(unpacked + v * kOutputs, codevec{});
    }
    find_steps(a, first / kTileUnits, steps, places);
    const TileSteps now{is_in_place ? packed : unpacked, places, steps, first == 0, first + units == a.units};
    Fetch fetch = is_in_place ? Fetch{packed + bytes + (is_one ? kFetchBytes : 0), (bytes / 64 + a.tiles * steps - 1) / (a.tiles * steps)} : Fetch{};
    int64_t i = 0;
    if (is_in_place)
      for (; i + 1 < a.tiles; i += 2) add_two_tiles(a, now, i, tiles, fetch);
    for (; i < a.tiles; ++i) add_tile(a, now, i, tiles, fetch);
  }
}
