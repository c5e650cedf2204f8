// Small networks with random weights, to train from scratch. Free of libtorch.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "vision/input_spec.h"

namespace scissionlite::train {

struct ArchitectureOptions {
  std::string name = "resnet8";  // architectures.inc
  int64_t classes = 2;
  double width = 1;  // of channels
  uint64_t seed = 1;
  vision::InputSpec input;  // which the graph carries
};

/// (n, c, h, w) to logits (n, classes), n open: a stem, halving images of 48 pixels or more once and of 112 or more twice, a body, mean over pixels,
/// Gemm. Each convolution is followed by BatchNormalization. Weights are normal with variance 2 / fan out (He et al., Delving Deep into Rectifiers,
/// ICCV 2015).
/// @throws InvalidArgument: an unknown name (says which there are), fewer than 2 classes, a width that leaves no channel, an input that is not NCHW
/// of floats.
[[nodiscard]] Graph make_architecture(const ArchitectureOptions& options);
/// Names, and what they are.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> architectures();

}  // namespace scissionlite::train
