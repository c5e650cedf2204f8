// Built with the flags of avx512vbmi where the compiler has them (cmake/folders.cmake); run only where the CPU has it.
#ifdef __AVX512VBMI__
#define SCISSIONLITE_ISA avx512vbmi
#include "kernels/lowbit/loops_impl.h"
#endif
