// Steps and statistics that fit a network to images, without gradients. Private to train/.
#pragma once

#include "train/data/dataset.h"
#include "train/quantise/fake_quantised.h"

namespace scissionlite::train {

struct FitOptions {
  int64_t images = 256;  // at most
  uint64_t seed = 1;     // of their choice
  bool one_step_a_layer = false;
};

/// The network that few bits are fitted to: the float one, or one of more bits that was trained.
struct Reference {
  Module& network;
  Values given;  // with each batch: the steps of a network that has some
};

/// Layers that have neither a bias nor a BatchNormalization get a bias of zeros, where their operator takes one.
[[nodiscard]] Graph with_biases(const Graph& graph);

/// Of the least squared error: for weights as they are, for activations as the reference computes them on the images. Cost: two passes over the
/// images.
/// @throws InvalidArgument for values that are not finite (names the value).
[[nodiscard]] compress::LowBitSteps fit_steps(const compress::LowBitModel& model, const Reference& reference, const Dataset& images,
                                              const FitOptions& options);

/// The model with the reference's statistics of BatchNormalization, moved and scaled as its quantised network's differ from the reference's on the
/// images, and biases of the other layers such that their means are the reference's (Nagel et al., Data-Free Quantization Through Weight Equalization
/// and Bias Correction, 2019, Sec. 4.2; differs in: means are measured, layer after layer). Cost: a pass over the images, and one over 64 of them for
/// each layer without BatchNormalization.
[[nodiscard]] compress::LowBitModel with_fitted_statistics(const compress::LowBitModel& model, const compress::LowBitSteps& steps,
                                                           const Reference& reference, const Dataset& images, const FitOptions& options);

/// The model with constants of a graph that was made of it, by name.
[[nodiscard]] compress::LowBitModel with_constants_of(compress::LowBitModel model, const Graph& trained);

}  // namespace scissionlite::train
