// Whether a chain of convolutions is faster as one step than one by one, in bands of how many rows, and whether as a generated kernel.
#pragma once

#include "tune/chain_problem.h"
#include "tune/ways.h"

namespace scissionlite::tune {

/// Names in entries and logs of chains. An entry is always of the best chain: `median_us` is its time, `usual_us` that of its
/// convolutions one by one, measured in turns with it; so the chain is worth it where the first is the smaller one. It is a band's height
/// (kChain) or a generated kernel's configuration (kGenerated).
constexpr const char* kChain = "chain";
constexpr const char* kSeparate = "separate";
constexpr const char* kRows = "rows";  // the knob

/// Every height of bands is measured once and, while kernels can be made (Generating), `budget` configurations of one where one computes the
/// chain. @param separate  how each stage is computed by itself.
[[nodiscard]] Ways chain_ways(const ChainOfConvs& chain, const std::vector<kernels::ConvChoice>& separate, const MeasureOptions& options);

}  // namespace scissionlite::tune
