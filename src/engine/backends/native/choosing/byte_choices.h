// Which way a convolution of bytes is done (kernels/int8/conv.inc), and why: it is chosen when the node is lowered, since all ways read and write the
// same form. Private to the native backend.
#pragma once

#include "engine/backends/native/lowering/lowering.h"
#include "kernels/int8/conv.h"

namespace scissionlite::native {

struct ByteConvChoice {
  const kernels::Int8ConvImplementation* way = nullptr;
  double us = 0;  // the rest as in Step
  bool is_measured = false;
  std::string instead = {};
  double instead_us = 0;
  std::string reason = {};
};

/// As it was decided when the model was compiled (where this CPU cannot do that, a warning, and as if there were no decision), else as tuned, else
/// the way with the least estimate. Notes it where the lowering notes, but for another instruction set than this machine's: there it is chosen when
/// the model is loaded.
/// @throws InvalidArgument where a compiled model names a way that there is not.
[[nodiscard]] ByteConvChoice choose_byte_conv(Lowering& l, const Node& node, const kernels::Int8Problem& problem, const kernels::Int8Loops& loops);
/// The way of that choice, with nothing noted or warned of: nodes before it ask what it reads.
[[nodiscard]] const kernels::Int8ConvImplementation& byte_conv_way(const Lowering& l, const Node& node, const kernels::Int8Problem& problem,
                                                                   const kernels::Int8Loops& loops);

}  // namespace scissionlite::native
