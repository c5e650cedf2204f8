// Built with the flags of avx512 (cmake/folders.cmake); run only where the CPU has it.
#ifdef __AVX512BW__
#define SCISSIONLITE_ISA avx512
#include "kernels/bitserial/loops_impl.h"
#endif
