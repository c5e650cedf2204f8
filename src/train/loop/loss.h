// Losses: labels, a teacher's answers, a teacher's inner values. Private to train/ and commands that compute gradients.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "train/data/dataset.h"
#include "train/tensors/torch.h"

namespace scissionlite::train {

/// Mean over the examples whose label is not -1. `logits` (n, classes, 1...). @throws InvalidArgument when no example has one.
[[nodiscard]] torch::Tensor cross_entropy(const torch::Tensor& logits, const std::vector<int64_t>& labels, double smoothing = 0);
/// Cross-entropy of a batch; of a mixture (1 - share) of the label's and share of the other label's.
[[nodiscard]] torch::Tensor label_loss(const torch::Tensor& logits, const Batch& batch, double smoothing = 0);
/// T^2 times the mean of KL(softmax(teacher / T) || softmax(student / T)).
/// Source: Hinton et al., Distilling the Knowledge in a Neural Network, 2015.
[[nodiscard]] torch::Tensor distillation(const torch::Tensor& student, const torch::Tensor& teacher, double temperature);
/// Mean squared difference, divided by the teacher's variance so that layers of any scale count alike.
[[nodiscard]] torch::Tensor feature_difference(const torch::Tensor& student, const torch::Tensor& teacher);

/// The value of `graph` that holds its first output's logits: what stands before a final Softmax or LogSoftmax (through
/// Reshape, Flatten, Squeeze, Identity), else the output itself.
[[nodiscard]] std::string logits_value(const Graph& graph);
/// Whether the first output are logarithms of shares, of which a Softmax makes the shares as of logits.
[[nodiscard]] bool gives_logarithms(const Graph& graph);

}  // namespace scissionlite::train
