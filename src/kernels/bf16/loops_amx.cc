// Built with the flags of amx where the compiler has them (cmake/folders.cmake); run only where the CPU has it.
#ifdef __AMX_BF16__
#define SCISSIONLITE_ISA amx
#include "kernels/bf16/loops_impl.h"
#endif
