// Tile registers, of which TDPBSUD multiplies matrices of bytes: as the instructions have them (AmxTiles), and a plain description of these
// (PlainTiles), by which what is built on them is tested on any CPU. Included by the loops of one instruction set only, inside its own namespace,
// after tile_shapes.h.
//
// Tiles 0 to 3 are sums, of as many rows as there are of x and a vector of int32; 4 and 5 are x, rows of 64 signed bytes; 6 and 7 are weights, 16
// rows of a vector of unsigned bytes. The product adds to sums[m][n], for k < 16 and i < 4, x[m][4 * k + i] * w[k][4 * n + i], modulo 2^32. (Intel 64
// and IA-32 Architectures Software Developer's Manual, TDPBSUD.)

constexpr int kXTile = 4, kWTile = 6, kTiles = 8;

static SCISSIONLITE_INLINE TileShapes shapes_of(int rows) {
  TileShapes shapes;
  for (int tile = 0; tile < kTiles; ++tile)
    shapes.row_bytes[tile] = tile == kXTile || tile == kXTile + 1 ? 64 : kOutputs,
    shapes.rows[tile] = static_cast<uint8_t>(tile < kWTile ? rows : kTileRows);
  return shapes;
}

class PlainTiles {
 public:
  static constexpr bool kAreInstructions = false;
  static void enter(int /*rows*/) {}
  static void leave() {}

  explicit PlainTiles(int rows) : shapes_(shapes_of(rows)) {}
  template <int kTile>
  void zero() {
    __builtin_memset(of_[kTile], 0, sizeof of_[kTile]);
  }
  /// Rows lie `stride` bytes apart. What a tile has beyond its shape becomes 0.
  template <int kTile>
  void load(const void* from, int64_t stride) {
    zero<kTile>();
    for (int r = 0; r < shapes_.rows[kTile]; ++r)
      __builtin_memcpy(of_[kTile][r], static_cast<const uint8_t*>(from) + r * stride, shapes_.row_bytes[kTile]);
  }
  template <int kTile>
  void store(void* to, int64_t stride) const {
    for (int r = 0; r < shapes_.rows[kTile]; ++r) __builtin_memcpy(static_cast<uint8_t*>(to) + r * stride, of_[kTile][r], shapes_.row_bytes[kTile]);
  }
  template <int kSums, int kX, int kW>
  void dot() {
    for (int m = 0; m < shapes_.rows[kSums]; ++m)
      for (int k = 0; k < shapes_.row_bytes[kX] / 4; ++k)
        for (int n = 0; n < shapes_.row_bytes[kSums] / 4; ++n) {
          uint32_t sum;
          __builtin_memcpy(&sum, of_[kSums][m] + 4 * n, 4);
          for (int i = 0; i < 4; ++i)
            sum += static_cast<uint32_t>(static_cast<int8_t>(of_[kX][m][4 * k + i]) * static_cast<int32_t>(of_[kW][k][4 * n + i]));
          __builtin_memcpy(of_[kSums][m] + 4 * n, &sum, 4);
        }
  }

 private:
  TileShapes shapes_;
  uint8_t of_[kTiles][kTileRows][64] = {};
};

#if defined(SCISSIONLITE_AMX_INT8)
/// The thread's own, between `enter` with as many rows and `leave`. Loads and stores are instructions of which the compiler knows nothing, and they
/// take no register but a literal.
class AmxTiles {
 public:
  static constexpr bool kAreInstructions = true;
  static void enter(int rows) {
    alignas(64) const TileShapes shapes = shapes_of(rows);
    asm volatile("" : : "r"(&shapes) : "memory");
    _tile_loadconfig(&shapes);
  }
  static void leave() { _tile_release(); }

  explicit AmxTiles(int /*rows*/) {}
  template <int kTile>
  SCISSIONLITE_INLINE void zero() {
    static_assert(kTile < kXTile);
    if constexpr (kTile == 0) _tile_zero(0);
    else if constexpr (kTile == 1) _tile_zero(1);
    else if constexpr (kTile == 2) _tile_zero(2);
    else if constexpr (kTile == 3) _tile_zero(3);
  }
  template <int kTile>
  SCISSIONLITE_INLINE void load(const void* from, int64_t stride) {
    static_assert(kTile < kTiles);
    asm volatile("" : : : "memory");
    if constexpr (kTile == 0) _tile_loadd(0, from, stride);
    else if constexpr (kTile == 1) _tile_loadd(1, from, stride);
    else if constexpr (kTile == 2) _tile_loadd(2, from, stride);
    else if constexpr (kTile == 3) _tile_loadd(3, from, stride);
    else if constexpr (kTile == 4) _tile_loadd(4, from, stride);
    else if constexpr (kTile == 5) _tile_loadd(5, from, stride);
    else if constexpr (kTile == 6) _tile_loadd(6, from, stride);
    else if constexpr (kTile == 7) _tile_loadd(7, from, stride);
  }
  template <int kTile>
  SCISSIONLITE_INLINE void store(void* to, int64_t stride) const {
    static_assert(kTile < kXTile);
    if constexpr (kTile == 0) _tile_stored(0, to, stride);
    else if constexpr (kTile == 1) _tile_stored(1, to, stride);
    else if constexpr (kTile == 2) _tile_stored(2, to, stride);
    else if constexpr (kTile == 3) _tile_stored(3, to, stride);
    asm volatile("" : : : "memory");
  }
  /// Those that tile_product.h asks for.
  template <int kSums, int kX, int kW>
  SCISSIONLITE_INLINE void dot() {
    constexpr int kAll = 100 * kSums + 10 * kX + kW;
    static_assert(kAll == 46 || kAll == 147 || kAll == 246 || kAll == 347 || kAll == 256 || kAll == 357);
    if constexpr (kAll == 46) _tile_dpbsud(0, 4, 6);
    else if constexpr (kAll == 147) _tile_dpbsud(1, 4, 7);
    else if constexpr (kAll == 246) _tile_dpbsud(2, 4, 6);
    else if constexpr (kAll == 347) _tile_dpbsud(3, 4, 7);
    else if constexpr (kAll == 256) _tile_dpbsud(2, 5, 6);
    else if constexpr (kAll == 357) _tile_dpbsud(3, 5, 7);
  }
};
#endif
