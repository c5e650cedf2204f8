// Built with the flags of avx512bf16 where the compiler has them (cmake/folders.cmake); run only where the CPU has it.
#ifdef __AVX512BF16__
#define SCISSIONLITE_ISA avx512bf16
#include "kernels/bf16/loops_impl.h"
#endif
