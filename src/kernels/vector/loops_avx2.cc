// Built with the flags of avx2 where the compiler has them (cmake/isas.cmake); run only where the CPU has it.
#if defined(__AVX2__) && defined(__FMA__)
#define SCISSIONLITE_ISA avx2
#include "kernels/vector/loops_impl.h"
#endif
