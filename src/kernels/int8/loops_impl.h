// The int8 loops of one instruction set: its .cc file defines SCISSIONLITE_ISA, includes this, and is built with the set's flags.
// Everything lies in a namespace of its own and nothing of a library is used, so that no such code is linked in elsewhere.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/int8/arguments.h"

namespace scissionlite::kernels::int8_loops::SCISSIONLITE_ISA {
#include "kernels/low_bytes.h"
// low_bytes.h first
#include "kernels/int8/vec.h"
// vec.h first
#include "kernels/fetch.h"
#include "kernels/rounded_product.h"
#include "kernels/spaced_words.h"
// spaced_words.h first
#include "kernels/int8/depthwise.h"
#include "kernels/int8/elementwise.h"
#include "kernels/int8/panel.h"
#include "kernels/int8/table.h"
#include "kernels/int8/winograd.h"

extern const Int8Loops kLoops;
#define SCISSIONLITE_TEXT(word) #word
#define SCISSIONLITE_NAME(word) SCISSIONLITE_TEXT(word)
const Int8Loops kLoops {
  SCISSIONLITE_NAME(SCISSIONLITE_ISA), kLanes, kDepthwiseChannels, kInterleaved, panel,
#if defined(__AVX512VNNI__)
      byte_panel,
      /*sums_in_16_bits=*/false,
#elif defined(__AVX2__)
      byte_panel,
      /*sums_in_16_bits=*/true,
#else
      nullptr,
      /*sums_in_16_bits=*/false,
#endif
      depthwise_row, winograd_input, winograd_output, widen, dot, binary, max_pixel, mean_pixel, quantise, dequantise, requantise, to_floats, look_up
};
}  // namespace scissionlite::kernels::int8_loops::SCISSIONLITE_ISA
