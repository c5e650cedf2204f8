// Built with the flags of amx where the compiler has them (cmake/folders.cmake); run only where the CPU has it.
#ifdef SCISSIONLITE_AMX_BF16
#define SCISSIONLITE_ISA amx
#include "kernels/bf16/loops_impl.h"
#endif
