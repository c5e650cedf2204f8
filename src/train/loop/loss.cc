#include "train/loop/loss.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "train/tensors/device.h"

namespace scissionlite::train {

torch::Tensor cross_entropy(const torch::Tensor& logits, const std::vector<int64_t>& labels, double smoothing) {
  constexpr int64_t kUnknown = -1;
  const auto wanted = integers_for(logits, labels);
  if (std::all_of(labels.begin(), labels.end(), [](int64_t label) { return label == kUnknown; }))
    throw InvalidArgument("[train] no example of this batch has a label");
  return at::cross_entropy_loss(logits.flatten(1), wanted, {}, at::Reduction::Mean, kUnknown, smoothing);
}

torch::Tensor label_loss(const torch::Tensor& logits, const Batch& batch, double smoothing) {
  constexpr int64_t kUnknown = -1;
  const auto is_mixture = [](double share) { return share > 0; };
  if (std::none_of(batch.other_shares.begin(), batch.other_shares.end(), is_mixture)) return cross_entropy(logits, batch.labels, smoothing);
  const auto labels = integers_for(logits, batch.labels), others = integers_for(logits, batch.other_labels);
  const auto shares = torch::tensor(batch.other_shares, torch::kDouble).to(logits.options());
  const auto of = [&](const torch::Tensor& wanted, const torch::Tensor& weights) {
    return (at::cross_entropy_loss(logits.flatten(1), wanted, {}, at::Reduction::None, kUnknown, smoothing) * weights).sum();
  };
  const auto known = (labels.ne(kUnknown) * (1 - shares)).sum() + (others.ne(kUnknown) * shares).sum();
  if (known.item<double>() <= 0) throw InvalidArgument("[train] no example of this batch has a label");
  return (of(labels, 1 - shares) + of(others, shares)) / known;
}

torch::Tensor distillation(const torch::Tensor& student, const torch::Tensor& teacher, double temperature) {
  if (student.numel() != teacher.numel())
    throw InvalidArgument("[train] the student answers " + std::to_string(student.numel() / student.size(0)) + " classes, the teacher " +
                          std::to_string(teacher.numel() / teacher.size(0)));
  const auto log_student = at::log_softmax(student.flatten(1) / temperature, 1),
             log_teacher = at::log_softmax(teacher.detach().flatten(1) / temperature, 1);
  return (log_teacher.exp() * (log_teacher - log_student)).sum(1).mean() * (temperature * temperature);
}

torch::Tensor feature_difference(const torch::Tensor& student, const torch::Tensor& teacher) {
  if (student.sizes() != teacher.sizes())
    throw InvalidArgument("[train] the student's feature has shape " + to_string(Shape(student.sizes().begin(), student.sizes().end())) +
                          ", the teacher's " + to_string(Shape(teacher.sizes().begin(), teacher.sizes().end())));
  constexpr double kLeast = 1e-12;
  return at::mse_loss(student, teacher.detach()) / teacher.detach().var(/*unbiased=*/false).clamp_min(kLeast);
}

namespace {

/// The Softmax or LogSoftmax that the first output is of, but for its shape; nullptr where there is none.
const Node* softmax_of(const Graph& graph) {
  static const std::set<std::string> passing{"Reshape", "Flatten", "Squeeze", "Identity"};
  const auto producers = graph.producers();
  for (std::string value = graph.outputs.at(0).name;;) {
    const auto it = producers.find(value);
    if (it == producers.end()) return nullptr;
    const auto& node = graph.nodes[it->second];
    if (node.op_type == "Softmax" || node.op_type == "LogSoftmax") return &node;
    if (!passing.count(node.op_type)) return nullptr;
    value = node.inputs[0];
  }
}

}  // namespace

std::string logits_value(const Graph& graph) {
  const auto* softmax = softmax_of(graph);
  return softmax ? softmax->inputs[0] : graph.outputs.at(0).name;
}

bool gives_logarithms(const Graph& graph) {
  const auto* softmax = softmax_of(graph);
  return softmax && softmax->op_type == "LogSoftmax";
}

}  // namespace scissionlite::train
