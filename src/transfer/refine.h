// A codec whose decoder can learn more than a linear map: what the learned convolutional TL starts from.
#pragma once

#include "transfer/transfer.h"

namespace scissionlite::transfer {

/// `codec` with two 3x3 convolutions behind its decoder, whose result is added to what it restores: x + conv(relu(conv(x))),
/// then the range of the samples again. The second starts at zero, so that nothing is changed before training.
/// @param hidden  channels between both. @param context  as `codec` was fitted with; its samples give the range.
/// @throws InvalidArgument when there are no samples.
[[nodiscard]] Codec with_refinement(const Codec& codec, const FitContext& context, int64_t hidden, uint64_t seed);

}  // namespace scissionlite::transfer
