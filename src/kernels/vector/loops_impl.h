// The loops of one instruction set: its .cc file defines SCISSIONLITE_ISA, includes this, and is built with the set's flags.
// Everything lies in a namespace of its own and nothing of a library is used, so that no such code is linked in elsewhere.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/vector/arguments.h"

namespace scissionlite::kernels::SCISSIONLITE_ISA {
#include "kernels/low_bytes.h"
// low_bytes.h first
#include "kernels/vector/vec.h"
// vec.h first
#include "kernels/fetch.h"
#include "kernels/rounded_product.h"
#include "kernels/spaced_words.h"
#include "kernels/vector/casts.h"
#include "kernels/vector/depthwise.h"
#include "kernels/vector/elementwise.h"
#include "kernels/vector/extremes.h"
// spaced_words.h first
#include "kernels/vector/pixels_at.h"
// pixels_at.h first
#include "kernels/vector/panel.h"
// panel.h first
#include "kernels/vector/image.h"
#include "kernels/vector/two_four.h"
#include "kernels/vector/unary.h"
#include "kernels/vector/winograd.h"

extern const VectorLoops kLoops;
#define SCISSIONLITE_TEXT(word) #word
#define SCISSIONLITE_NAME(word) SCISSIONLITE_TEXT(word)
const VectorLoops kLoops{SCISSIONLITE_NAME(SCISSIONLITE_ISA),
                         kLanes,
                         {0, tile_pixels<1>(), tile_pixels<2>(), tile_pixels<3>(), tile_pixels<4>()},
                         panel<kLanes>,
                         panel<0>,
                         image_row,
                         depthwise_row,
                         winograd_input,
                         winograd_output,
                         pool_row,
                         mean,
                         binary,
                         activate_all,
                         unary,
                         cast,
                         extremes,
                         scale_shift,
                         block_to_tile,
                         pixels_to_rows,
                         tile_to_block,
                         two_four_tiles,
                         kMostTwoFourTiles,
                         two_four_rows<false>,
                         two_four_rows<true>};
}  // namespace scissionlite::kernels::SCISSIONLITE_ISA
