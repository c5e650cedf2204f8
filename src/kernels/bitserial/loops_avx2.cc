// Built with the flags of avx2 (cmake/folders.cmake); run only where the CPU has it.
#ifdef __AVX2__
#define SCISSIONLITE_ISA avx2
#include "kernels/bitserial/loops_impl.h"
#endif
