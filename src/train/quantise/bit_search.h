// Which layer gets how many bits: what each loses when it alone is quantised, what each costs, and the best within a budget. Private to train/.
#pragma once

#include "train/quantise/fit_low_bits.h"
#include "train/quantise/quantise.h"

namespace scissionlite::train {

/// The bits that layers may have, and what is to be kept to: the time of a run or the bytes of all weights.
struct BitSearch {
  std::vector<BitsCandidate> candidates;
  std::optional<double> latency_us;
  std::optional<int64_t> size_bytes;
  FitOptions fit;        // of steps
  int64_t images = 128;  // that losses are measured on
  int threads = 1;
};

/// The start's bits, other ones for layers that `searched` names. A layer's loss is the divergence (Kullback and Leibler's, of softmaxes, a mean of
/// the images) of the answers of the network with that layer quantised alone, its steps and statistics fitted, from those of the float network; its
/// time is that of its step in the engine `native` in a network whose searched layers all have those bits.
/// @param graph  from ready_for_low_bits. @param encoding_of  of a layer's weights at some bits.
/// @throws InvalidArgument where the budget is too small for the cheapest bits (says what they take).
/// Cost: a pass over `images` for each layer and candidate, and one to fit statistics; each candidate's network is timed.
[[nodiscard]] std::pair<compress::LowBitPlan, BitSearchReport> search_bits(
    const Graph& graph, const compress::LowBitPlan& start, const std::vector<std::string>& searched,
    const std::function<compress::Encoding(const std::string& layer, int bits)>& encoding_of, const Dataset& images, const BitSearch& search);

/// The time of a run of the model for one image in the engine `native`, in microseconds.
[[nodiscard]] double measured_us(const Graph& model, int threads);

}  // namespace scissionlite::train
