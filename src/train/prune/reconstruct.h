// Weights that a mask has left, fitted by least squares so that each layer's values are the dense network's again: closed form, without labels or a
// loss. Private to train/.
//
// Layer after layer, in the order of the graph: X, what the sparse network so far gives the layer, and Y, what the dense network's layer makes of its
// own input. Of each output the weights w that the mask leaves minimise |X w - y|^2 + lambda |w - w0|^2, w0 as they were, by conjugate gradients in
// that subspace, all outputs at once; a bias is fitted with them. Lambda is what does best on a quarter of the images, which may be to leave the
// layer as it is. Errors of earlier layers are in X, so that later ones make up for them. Sources: He et al., Channel Pruning for Accelerating Very
// Deep Neural Networks, 2017 (sequential least squares); Frantar and Alistarh, Optimal Brain Compression, 2022 (the layer's Gram matrix of few
// pictures is enough for 2:4).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compress/two_four.h"
#include "train/data/dataset.h"

namespace scissionlite::train {

/// @param dense   the network before its masks; values have the same names in both.
/// @param sparse  masked already.
/// @param masks   by constant.
/// @param images  of which `count` views are looked at: each as at inference first, then augmented.
/// Cost: two passes of each network; for each layer d^2 multiply-adds a row and as many for each output and iteration, of which there are at most 40,
/// d inputs times taps. Memory: d^2 floats, and the values of both networks that lie across the layer, of all `count` images at once.
[[nodiscard]] Graph reconstruct(const Graph& dense, const Graph& sparse, const std::vector<compress::SparseLayer>& layers,
                                const std::map<std::string, Tensor>& masks, const Dataset& images, int64_t count, int threads);

}  // namespace scissionlite::train
