// Built with the flags of avx2 where the compiler has them (cmake/folders.cmake); run only where the CPU has it.
#ifdef __AVX2__
#define SCISSIONLITE_ISA avx2
#include "kernels/bf16/loops_impl.h"
#endif
