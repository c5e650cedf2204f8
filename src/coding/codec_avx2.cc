// Built with -mavx2 where the compiler has it (cmake/folders.cmake); run only where the CPU has it.
#ifdef __AVX2__
#include "coding/codec_impl.h"
#include "coding/context_avx2.h"

namespace scissionlite::coding {
extern const Codec kAvx2Codec = Passes<Avx2Ops>::kCodec;
}
#endif
