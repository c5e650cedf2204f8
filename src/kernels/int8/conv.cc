#include "kernels/int8/conv.h"

#include <limits>

namespace scissionlite::kernels {

#define SCISSIONLITE_INT8_CONV(name) extern const Int8ConvImplementation k_int8_conv_##name;
#include "kernels/int8/conv.inc"
#undef SCISSIONLITE_INT8_CONV

const std::vector<const Int8ConvImplementation*>& int8_conv_implementations() {
  static const std::vector<const Int8ConvImplementation*> table{
#define SCISSIONLITE_INT8_CONV(name) &k_int8_conv_##name,
#include "kernels/int8/conv.inc"
#undef SCISSIONLITE_INT8_CONV
  };
  return table;
}

const Int8ConvImplementation& usual_int8_conv(const Int8Problem& problem, const Int8Loops& loops) {
  const Int8ConvImplementation* best = nullptr;
  double least = std::numeric_limits<double>::infinity();
  std::string reasons;
  for (const auto* row : int8_conv_implementations()) {
    if (const auto reason = row->reason_against(problem, loops); !reason.empty()) {
      reasons += (reasons.empty() ? "" : "; ") + std::string(row->name) + ": " + reason;
      continue;
    }
    if (const double cycles = row->estimate(problem, loops); cycles < least) best = row, least = cycles;
  }
  if (!best) throw Unsupported("[kernels] nothing computes " + problem.conv.text() + " of bytes (" + reasons + ")");
  return *best;
}

}  // namespace scissionlite::kernels
