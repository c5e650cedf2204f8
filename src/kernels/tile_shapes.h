// Tile registers (AMX): eight of up to 16 rows of 64 bytes. Included by the loops of one instruction set only, inside its own namespace.

constexpr int kTileRows = 16;

/// Of LDTILECFG: palette 1, and the shape of each tile.
struct TileShapes {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);
