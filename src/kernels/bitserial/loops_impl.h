// The loops of bit planes of one instruction set: its .cc file defines SCISSIONLITE_ISA, includes this, and is built with the set's flags.
// Everything lies in a namespace of its own and nothing of a library is used, so that no such code is linked in elsewhere.
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels/bitserial/arguments.h"

namespace scissionlite::kernels::bit_serial_loops::SCISSIONLITE_ISA {
#include "kernels/low_bytes.h"
// low_bytes.h first
#include "kernels/int8/vec.h"
// vec.h first
#include "kernels/bitserial/counts.h"
#include "kernels/spaced_words.h"
// counts.h first
#include "kernels/bitserial/bit_serial.h"

extern const BitSerialLoops kLoops;
#define SCISSIONLITE_TEXT(word) #word
#define SCISSIONLITE_NAME(word) SCISSIONLITE_TEXT(word)
const BitSerialLoops kLoops{SCISSIONLITE_NAME(SCISSIONLITE_ISA), kLanes, kWordsUnit, kCycles, count_bits, sum_planes};
}  // namespace scissionlite::kernels::bit_serial_loops::SCISSIONLITE_ISA
