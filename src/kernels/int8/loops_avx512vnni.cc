// Built with the flags of avx512vnni where the compiler has them (cmake/folders.cmake); run only where the CPU has it.
#ifdef __AVX512VNNI__
#define SCISSIONLITE_ISA avx512vnni
#include "kernels/int8/loops_impl.h"
#endif
