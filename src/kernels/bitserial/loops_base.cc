// Runs everywhere.
#define SCISSIONLITE_ISA base
#include "kernels/bitserial/loops_impl.h"
