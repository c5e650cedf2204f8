// Built with the flags of avx512vpopcntdq where the compiler has them (cmake/folders.cmake); run only where the CPU has it.
#ifdef __AVX512VPOPCNTDQ__
#define SCISSIONLITE_ISA avx512vpopcntdq
#include "kernels/bitserial/loops_impl.h"
#endif
