// What every machine of the architecture can run: SSE2 or NEON.
#define SCISSIONLITE_ISA base
#include "kernels/vector/loops_impl.h"
