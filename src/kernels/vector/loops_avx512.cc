// Built with the flags of avx512 where the compiler has them (cmake/isas.cmake); run only where the CPU has it.
#ifdef __AVX512F__
#define SCISSIONLITE_ISA avx512
#include "kernels/vector/loops_impl.h"
#endif
