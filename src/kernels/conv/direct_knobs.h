// What may be set of a direct convolution, what is set when nothing was measured, and which settings do the same.
#pragma once

#include "kernels/conv/direct_cut.h"

namespace scissionlite::kernels {

/// Which loop is outside: over chunks of pixels (an input stays in cache while all weights pass), or over groups of panels (the reverse).
enum class DirectOrder : int64_t { kChunks, kGroups };
/// The loops over a chunk's runs, a group's panels and pieces of their steps, outermost first.
enum class DirectInside : int64_t { kPanelsPiecesRuns, kPiecesPanelsRuns, kRunsPanelsPieces };

[[nodiscard]] std::vector<KnobRange> direct_knobs(const ConvProblem& p, const VectorLoops& loops);
[[nodiscard]] Knobs direct_usual(const ConvProblem& p, const VectorLoops& loops);
[[nodiscard]] double direct_estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs, bool is_plain);
[[nodiscard]] KnobEffect direct_effect(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs, bool is_plain);

}  // namespace scissionlite::kernels
