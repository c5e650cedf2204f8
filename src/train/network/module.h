// A Graph that runs on libtorch, node by node, with gradients; its weights can be trained and exported again.
// Private to train/ and to the commands of scissionlite-train that compute gradients. Start with `Module`.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"
#include "train/network/parameters.h"
#include "train/tensors/torch.h"

namespace scissionlite::train {

struct ModuleOptions {
  bool double_precision = false;  // compute in float64 (for gradient checks) instead of float32
  bool straight_through = false;  // gradients pass Floor, Ceil, Round and Cast to integers unchanged (QuantizeLinear always)
  // BatchNormalization uses and updates the batch's statistics instead of frozen ones, where its scale or shift is trained
  bool update_statistics = false;
  double statistics_momentum = 0.1;
};

/// Values by name.
using Values = std::map<std::string, torch::Tensor>;
/// `a` and what of `b` has other names.
[[nodiscard]] Values merged(Values a, const Values& b);
/// Elements of all.
[[nodiscard]] int64_t count_values(const Values& values);

/// Numerics: floating values are float32 (or float64) whatever type the model gives them; integers keep theirs. One caller
/// at a time.
class Module {
 public:
  /// Nothing is trained at first: every weight is frozen. @throws Unsupported naming the first node without gradient code.
  explicit Module(Graph graph, const ModuleOptions& options = {});

  [[nodiscard]] const Graph& graph() const { return graph_; }
  [[nodiscard]] const ModuleOptions& options() const { return options_; }
  void set_update_statistics(bool update);
  void set_statistics_momentum(double momentum) { options_.statistics_momentum = momentum; }
  [[nodiscard]] torch::ScalarType compute_type() const { return options_.double_precision ? torch::kDouble : torch::kFloat; }

  /// Everything that can be trained, in the order of first use.
  [[nodiscard]] const std::vector<Parameter>& parameters() const { return parameters_; }
  /// Trains the parameters that `selection` names and freezes all others. @throws as `select_parameters`.
  void train(const Selection& selection);
  /// Tensors of the parameters that are trained: leaves with gradients, updated in place by optimisers.
  [[nodiscard]] Values trained() const;
  /// The tensor of any parameter. @throws InvalidArgument naming near ones.
  [[nodiscard]] torch::Tensor parameter(const std::string& name);
  /// Replaces a parameter's values, frozen or not; `export_graph` writes them.
  void assign(const std::string& name, const torch::Tensor& values);

  /// Outputs in the graph's order from inputs in the graph's order.
  [[nodiscard]] std::vector<torch::Tensor> forward(const std::vector<torch::Tensor>& inputs);
  /// Computes the values `wanted` (inner ones or outputs) from the values `given`, which may be inner ones: with the
  /// tensors of a cut given, only the tail runs.
  /// @throws InvalidArgument for an unknown name, or when a graph input is needed that is not given (names it);
  /// ModelError naming the node that cannot run on such shapes.
  [[nodiscard]] Values run(const Values& given, const std::vector<std::string>& wanted);

  /// Everything that training changes, by name: trained parameters and, with update_statistics, running statistics.
  [[nodiscard]] Values state();
  /// Puts saved values back. @throws InvalidArgument when names or shapes differ.
  void load_state(const Values& state);
  /// For those who wrote into tensors of `state`: results that were kept because nothing trained goes into them are computed anew.
  void state_changed() { folded_.clear(); }
  /// The same graph with the trained values in the types it stores them in; a trained weight that was stored as
  /// integers becomes a float32 initializer in place of its DequantizeLinear.
  [[nodiscard]] Graph export_graph() const;

 private:
  struct Plan {
    std::vector<size_t> nodes;
    std::vector<std::vector<std::string>> dead;  // per step: values not needed after it
  };
  const Plan& plan(const Values& given, const std::vector<std::string>& wanted);
  [[nodiscard]] torch::Tensor as_computed(const torch::Tensor& given) const;
  void run_node(size_t index, int64_t batch, std::unordered_map<std::string, torch::Tensor>& values);
  torch::Tensor constant(const std::string& name);
  void weights_changed();

  Graph graph_;
  ModuleOptions options_;
  std::vector<Parameter> parameters_;
  std::map<std::string, size_t> parameter_of_;                     // by value name
  Values weights_;                                                 // parameters that are or were trained, or assigned
  std::set<std::string> statistics_;                               // initializers that hold running statistics
  std::unordered_map<std::string, torch::Tensor> constants_;       // initializers as used so far
  std::unordered_map<size_t, std::vector<torch::Tensor>> folded_;  // results of nodes that depend on nothing trained
  std::vector<bool> foldable_;
  std::set<std::string> follows_batch_;  // first outputs of the BatchNormalizations whose scale or shift is trained
  std::map<std::pair<std::vector<std::string>, std::vector<std::string>>, Plan> plans_;
  int64_t model_batch_ = 0;
  bool statistics_changed_ = false;
};

}  // namespace scissionlite::train
