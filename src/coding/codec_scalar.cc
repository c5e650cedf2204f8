#include "coding/codec_impl.h"

namespace scissionlite::coding {
extern const Codec kScalarCodec = Passes<PlainOps>::kCodec;
}
