// Runs everywhere.
#define SCISSIONLITE_ISA base
#include "kernels/bf16/loops_impl.h"
