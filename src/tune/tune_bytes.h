// Which way to convolve bytes is the fastest for a problem (kernels/int8/conv.inc).
#pragma once

#include "kernels/int8/conv.h"
#include "tune/ways.h"

namespace scissionlite::tune {

/// Every candidate of the table for a problem of that text; the one with the least estimate is usual, and the baseline.
[[nodiscard]] Ways byte_conv_ways(const kernels::Int8Problem& problem, const kernels::Int8Loops& loops, const MeasureOptions& options);

/// Measures these by tune_ways. A way that could not be measured, or gave another byte than the others, is out: a warning says so.
[[nodiscard]] Tuned tune_byte_conv(const Ways& ways, const TuneOptions& options, MeasurementLog& log,
                                   const std::function<void(const TuneStep&)>& told = {});

}  // namespace scissionlite::tune
