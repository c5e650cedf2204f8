// Runs everywhere.
#define SCISSIONLITE_ISA base
#include "kernels/lowbit/loops_impl.h"
