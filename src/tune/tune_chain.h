// Whether a chain of convolutions is faster as one step than one by one, and in bands of how many rows.
#pragma once

#include "tune/chain_problem.h"
#include "tune/tune.h"

namespace scissionlite::tune {

/// Names in entries and logs of chains. An entry is always of the best chain: `median_us` is its time, `usual_us` that of its
/// convolutions one by one, measured in turns with it; so the chain is worth it where the first is the smaller one.
constexpr const char* kChain = "chain";
constexpr const char* kSeparate = "separate";
constexpr const char* kRows = "rows";  // the knob

/// Every height of bands is measured once (what the log has is not measured again), then the usual one, the best two and the separate
/// convolutions in turns; another height than the usual one has to be 2 % faster. @param separate how each stage is computed by itself.
/// @throws Unsupported when no band height could be measured, with the reason; ResourceError.
[[nodiscard]] Tuned tune_chain(const ChainOfConvs& chain, const std::vector<kernels::ConvChoice>& separate, const TuneOptions& options, MeasurementLog& log,
                               const std::function<void(const TuneStep&)>& told = {});

}  // namespace scissionlite::tune
