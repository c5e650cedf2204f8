// The loops of bf16 of one instruction set: its .cc file defines SCISSIONLITE_ISA, includes this, and is built with the set's flags.
// Everything lies in a namespace of its own and nothing of a library is used, so that no such code is linked in elsewhere.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/bf16/arguments.h"

namespace scissionlite::kernels::bf16_loops_of::SCISSIONLITE_ISA {
#include "kernels/vector/vec.h"
// vec.h first
#include "kernels/fetch.h"
#include "kernels/spaced_words.h"
// spaced_words.h first
#include "kernels/bf16/round.h"
#if defined(SCISSIONLITE_AMX_BF16)
#include "kernels/tile_shapes.h"
// tile_shapes.h first
#include "kernels/bf16/tiles.h"
#else
#include "kernels/bf16/panel.h"
#endif

extern const Bf16Loops kLoops;
#define SCISSIONLITE_TEXT(word) #word
#define SCISSIONLITE_NAME(word) SCISSIONLITE_TEXT(word)
#if defined(SCISSIONLITE_AMX_BF16)
constexpr auto kWay = Bf16Way::kTiles;
#elif defined(__AVX512BF16__)
constexpr auto kWay = Bf16Way::kDot;
#else
constexpr auto kWay = Bf16Way::kWidened;
#endif
const Bf16Loops kLoops {
  SCISSIONLITE_NAME(SCISSIONLITE_ISA), kWay, kLanes, {0, tile_pixels<1>(), tile_pixels<2>(), tile_pixels<3>(), tile_pixels<4>()}, round_pixels, panel,
#if defined(SCISSIONLITE_AMX_BF16)
      configure_tiles, release_tiles
#else
      /*enter=*/nullptr,
      /*leave=*/nullptr
#endif
};
}  // namespace scissionlite::kernels::bf16_loops_of::SCISSIONLITE_ISA
