// The loops of few-bit values of one instruction set: its .cc file defines SCISSIONLITE_ISA, includes this, and is built with the set's flags.
// Everything lies in a namespace of its own and nothing of a library is used, so that no such code is linked in elsewhere.
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels/lowbit/arguments.h"

namespace scissionlite::kernels::low_bit_loops::SCISSIONLITE_ISA {
#include "kernels/low_bytes.h"
// low_bytes.h first
#include "kernels/int8/vec.h"
// vec.h first
#include "kernels/lowbit/look_up.h"
// look_up.h first
#include "kernels/lowbit/planes.h"
// planes.h first
#include "kernels/lowbit/end.h"
#include "kernels/lowbit/tables.h"
#include "kernels/lowbit/unpack.h"
// unpack.h first
#include "kernels/lowbit/dense_rows.h"
#include "kernels/tile_shapes.h"
// tile_shapes.h first
#include "kernels/lowbit/tile_registers.h"
// tile_registers.h first
#include "kernels/lowbit/tile_product.h"

extern const LowBitLoops kLoops;
#define SCISSIONLITE_TEXT(word) #word
#define SCISSIONLITE_NAME(word) SCISSIONLITE_TEXT(word)
#if defined(SCISSIONLITE_AMX_INT8)
using Tiles = AmxTiles;
#else
using Tiles = PlainTiles;
#endif
const LowBitLoops kLoops{SCISSIONLITE_NAME(SCISSIONLITE_ISA),
                         kOutputs,
                         kGroup,
                         kEntries,
                         kTablesOfWord,
                         kPixelsOfTile,
                         kInstructionsOfCycle,
                         add_look_ups,
                         make_tables,
                         end_pixels,
                         unpack,
                         dense_row,
                         turn_row,
                         pack_planes,
                         unpack_planes,
                         Tiles::kAreInstructions,
                         Tiles::enter,
                         tile_product<Tiles>,
                         Tiles::leave};
}  // namespace scissionlite::kernels::low_bit_loops::SCISSIONLITE_ISA
