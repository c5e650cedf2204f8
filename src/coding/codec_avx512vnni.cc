// Built with -mavx512vnni and what comes with it where the compiler has them (cmake/folders.cmake); run only where the CPU has them.
#ifdef __AVX512VNNI__
#include "coding/codec_impl.h"
#include "coding/context_avx512vnni.h"

namespace scissionlite::coding {
extern const Codec kAvx512Codec = Passes<Avx512Ops>::kCodec;
}
#endif
