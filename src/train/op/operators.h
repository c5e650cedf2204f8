// Operators on libtorch: one function each, on torch tensors, so that gradients come from autograd.
// The table is op/ops.inc, the functions stand in op/<family>.cc. Private to train/.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "train/tensors/torch.h"

namespace scissionlite::train {

/// What an operator sees of its node and of the run. Floating tensors have the type `compute`, whatever the model says;
/// integer tensors keep their type, except those a gradient passes through, which hold whole numbers in `compute`.
struct OpContext {
  const Node& node;
  int64_t opset;               // of the node's domain in the graph
  torch::ScalarType compute;   // kFloat or kDouble
  bool straight_through;       // gradients pass Floor, Ceil, Round and Cast to integers unchanged
  bool update_statistics;      // BatchNormalization normalises by the batch and updates its running statistics
  double statistics_momentum;  // share of the batch in an update
  int64_t model_batch, batch;  // batch fixed in the model (0: dynamic), batch of this run
};

/// An absent optional input is an undefined tensor.
using Tensors = std::vector<torch::Tensor>;
using Forward = Tensors (*)(const OpContext&, const Tensors& in);

/// kSmooth: autograd's gradient, checked against finite differences. kStraight: passes through a rounding unchanged.
/// kNone: integers and comparisons.
enum class Gradient { kSmooth, kStraight, kNone };

struct Operator {
  std::string domain, type;
  Gradient gradient;
  Forward forward;
};
/// The table's entry; nullptr when unknown.
[[nodiscard]] const Operator* find_operator(const std::string& domain, const std::string& type);
[[nodiscard]] std::span<const Operator> all_operators();

/// One node, with errors of libtorch turned into ModelError naming node and shapes.
/// @throws Unsupported naming node and domain.
[[nodiscard]] Tensors run_operator(const OpContext& context, const Tensors& in);

}  // namespace scissionlite::train
