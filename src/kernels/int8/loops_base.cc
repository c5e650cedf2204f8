// Runs everywhere.
#define SCISSIONLITE_ISA base
#include "kernels/int8/loops_impl.h"
