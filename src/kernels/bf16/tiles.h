// Products of matrices in tile registers (AMX). A tile has up to 16 rows of 64 bytes:
//   sums     16 pixels by 16 output channels of float32
//   pixels   16 pixels by a unit of 32 channels of bf16, read from x with the distance of its pixels between rows
//   weights  16 pairs of channels by 16 output channels by 2, which is how they are packed
// TDPBF16PS adds, for pixel m, output n and pair k, pixels[m][2k] * weights[k][2n] and pixels[m][2k + 1] * weights[k][2n + 1] to sums[m][n]. Two
// tiles of pixels by two of weights are four products of 16 cycles for four loads of 8. Products take denormals for zero, and sums are rounded after
// each product to nearest, ties to even.

constexpr int kMostTiles = 2;       // of pixels, and of output vectors, at a time
constexpr int64_t kTileWords = 32;  // bf16 of a row of weights

static void configure_tiles() {
  alignas(64) static constexpr TileShapes kShapes;
  _tile_loadconfig(&kShapes);
}
static void release_tiles() { _tile_release(); }

/// The rectangle as one row of `width` pixels a row, of which the first `used` are wanted: where rows follow each other at a multiple of the
/// pixels' distance, tiles need not end with them.
struct Strip {
  int64_t pixels = 0, width = 0, used = 0;
};

// Tiles 0 to 3 are sums (pixels i, vector j at 2 * i + j), 4 and 5 pixels, 6 and 7 weights: the intrinsics take nothing but literals.
template <int A, int B>
static SCISSIONLITE_INLINE void multiply(const Bf16PanelArguments& a, const uint16_t* x, const uint16_t* w, Fetch& fetch) {
  const int64_t x_bytes = a.x_pixel * 2, w_bytes = a.vectors * kTileWords * 2, step = kBf16Pairs * a.vectors * kTileWords,
                second = kTileRows * a.x_pixel;
  _tile_zero(0);
  if constexpr (B == 2) _tile_zero(1);
  if constexpr (A == 2) _tile_zero(2);
  if constexpr (A == 2 && B == 2) _tile_zero(3);
  for (int64_t s = 0; s < a.steps; ++s, w += step) {
    const uint16_t* const at = x + a.steps_at[s];
    fetch.some();
    _tile_loadd(6, w, w_bytes);
    _tile_loadd(4, at, x_bytes);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (B == 2) {
      _tile_loadd(7, w + kTileWords, w_bytes);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (A == 2) {
      _tile_loadd(5, at + second, x_bytes);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (B == 2) _tile_dpbf16ps(3, 5, 7);
    }
  }
}

/// What ends sums (16, lanes) of vector q from pixel `first` of the strip on, `count` of them.
static SCISSIONLITE_INLINE void store_sums(const Bf16PanelArguments& a, const Strip& strip, const float* sums, int q, int64_t first, int64_t count) {
  const vec bias = a.bias ? load(a.bias + q * kLanes) : vec{}, low = all(lower_bound(a.activation)), high = all(upper_bound(a.activation));
  const bool is_bounded = a.activation.kind <= ActivationKind::kClip;
  int64_t row = first / strip.width, pixel = first % strip.width;
  for (int64_t p = 0; p < count; ++p, sums += kLanes) {
    if (pixel < strip.used) {
      const int64_t to = q * a.y_vector + row * a.y_row + pixel * a.y_pixel;
      vec v = load(sums) + bias;
      if (a.residual) v += load(a.residual + to);
      store(a.y + to, is_bounded ? min_of(high, max_of(low, v)) : activate(v, a.activation));
    }
    if (++pixel == strip.width) pixel = 0, ++row;
  }
}

/// A tiles of pixels by B vectors from q on; `pixels` of them are there.
template <int A, int B>
static void tiles(const Bf16PanelArguments& a, const Strip& strip, const uint16_t* x, int64_t first, int64_t pixels, int q, Fetch& fetch) {
  alignas(64) float sums[kMostTiles * kMostTiles][kTileRows * kLanes];
  multiply<A, B>(a, x + first * a.x_pixel, a.w + q * kTileWords, fetch);
  constexpr int64_t kRowBytes = 64;
  _tile_stored(0, sums[0], kRowBytes);
  if constexpr (B == 2) _tile_stored(1, sums[1], kRowBytes);
  if constexpr (A == 2) _tile_stored(2, sums[2], kRowBytes);
  if constexpr (A == 2 && B == 2) _tile_stored(3, sums[3], kRowBytes);
  asm volatile("" : : : "memory");  // the stores are instructions of which the compiler knows nothing
  for (int i = 0; i < A; ++i)
    for (int j = 0; j < B; ++j) {
      const int64_t left = pixels - i * kTileRows;
      store_sums(a, strip, sums[2 * i + j], q + j, first + i * kTileRows, left < kTileRows ? left : kTileRows);
    }
}

/// Tiles of all vectors, pair by pair, so that the weights of a pair stay in L1.
static void panel_strip(const Bf16PanelArguments& a, const Strip& strip, const uint16_t* x, Fetch& fetch) {
  constexpr int64_t kBoth = kMostTiles * kTileRows;
  for (int q = 0; q < a.vectors; q += kMostTiles)
    for (int64_t first = 0; first < strip.pixels; first += kBoth) {
      const int64_t pixels = strip.pixels - first < kBoth ? strip.pixels - first : kBoth;
      const bool is_tall = pixels > kTileRows, is_wide = a.vectors - q > 1;
      (is_tall ? is_wide ? tiles<2, 2> : tiles<2, 1> : is_wide ? tiles<1, 2> : tiles<1, 1>)(a, strip, x, first, pixels, q, fetch);
    }
}

static int64_t tiles_of(int64_t pixels) { return (pixels + kTileRows - 1) / kTileRows; }

static void panel(const Bf16PanelArguments& a) {
  asm volatile("" : : : "memory");  // loads of tiles are instructions of which the compiler knows nothing
  const int64_t pairs = (a.vectors + 1) / kMostTiles, width = a.x_row / a.x_pixel, joined = (a.rows - 1) * width + a.pixels;
  const bool is_joined = a.rows > 1 && a.x_row % a.x_pixel == 0 && tiles_of(joined) < a.rows * tiles_of(a.pixels);
  const auto calls = [&](int64_t pixels) { return pairs * ((pixels + kMostTiles * kTileRows - 1) / (kMostTiles * kTileRows)) * a.steps; };
  if (is_joined) {
    Fetch fetch(a.next_w, a.next_bytes, calls(joined));
    return panel_strip(a, {joined, width, a.pixels}, a.x, fetch);
  }
  Fetch fetch(a.next_w, a.next_bytes, a.rows * calls(a.pixels));
  Bf16PanelArguments row = a;
  for (int64_t i = 0; i < a.rows; ++i) {
    panel_strip(row, {a.pixels, a.pixels, a.pixels}, a.x + i * a.x_row, fetch);
    row.y += a.y_row;
    if (row.residual) row.residual += a.y_row;
  }
}

template <int Q>
constexpr int tile_pixels() {
  return kMostTiles * kTileRows;
}
