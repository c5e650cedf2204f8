#include "train/prune/reconstruct.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "train/loop/trainer.h"
#include "train/network/module.h"
#include "train/tensors/convert.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kMostBatch = 16, kIterations = 40;
constexpr double kRidges[] = {0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10};  // lambda, of the mean square of an input
constexpr int64_t kOneBatchIn = 4;                                     // says which of them, and whether any, is best
constexpr double kEnough = 1e-4;                                       // of the first residual

/// A convolution or product as a matrix product of rows: (rows, inputs times taps) times (inputs times taps, outputs).
class LayerRows {
 public:
  LayerRows(const compress::SparseLayer& layer, const Node& node) : layer_(layer), node_(node) {}
  [[nodiscard]] static bool takes(const compress::SparseLayer& layer, const Node& node) {
    if (layer.op_type == "Conv") return node.int_attribute("group", 1) == 1 && node.text_attribute("auto_pad", "NOTSET") == "NOTSET";
    return node.float_attribute("alpha", 1) == 1 && node.float_attribute("beta", 1) == 1 && node.int_attribute("transA", 0) == 0;
  }
  /// (rows, inputs times taps) of what the layer reads.
  [[nodiscard]] torch::Tensor of_input(const torch::Tensor& x, const torch::Tensor& weights) const {
    if (layer_.op_type != "Conv") return x.reshape({-1, x.size(-1)});
    if (x.dim() != 4) return {};
    const auto ints = [&](const char* name, int64_t usual, size_t count) { return node_.ints_attribute(name, std::vector<int64_t>(count, usual)); };
    const auto pads = ints("pads", 0, 4), strides = ints("strides", 1, 2), dilations = ints("dilations", 1, 2);
    const auto padded = torch::constant_pad_nd(x, {pads[1], pads[3], pads[0], pads[2]});
    const auto columns =
        at::im2col(padded.contiguous(), {weights.size(2), weights.size(3)}, dilations, {0, 0}, strides);  // (n, inputs times taps, pixels)
    return columns.transpose(1, 2).reshape({-1, columns.size(1)});
  }
  /// (rows, outputs) of what it makes.
  [[nodiscard]] torch::Tensor of_output(const torch::Tensor& y) const {
    return layer_.op_type == "Conv" ? y.flatten(2).transpose(1, 2).reshape({-1, y.size(1)}) : y.reshape({-1, y.size(-1)});
  }
  /// Weights as (outputs, inputs times taps), and back.
  [[nodiscard]] torch::Tensor matrix(const torch::Tensor& weights) const { return layer_.is_transposed ? weights.t() : weights.flatten(1); }
  [[nodiscard]] torch::Tensor weights(const torch::Tensor& matrix, const torch::Tensor& like) const {
    return layer_.is_transposed ? matrix.t().contiguous() : matrix.reshape(like.sizes());
  }

 private:
  const compress::SparseLayer& layer_;
  const Node& node_;
};

/// Sums over all rows seen.
struct Sums {
  torch::Tensor gram, cross;  // X'X, and Y'X
  Sums(int64_t inputs, int64_t outputs) : gram(torch::zeros({inputs, inputs})), cross(torch::zeros({outputs, inputs})) {}
  void add(const torch::Tensor& x, const torch::Tensor& y) {
    gram.addmm_(x.t(), x);
    cross.addmm_(y.t(), x);
  }
  void add(const Sums& other) { gram += other.gram, cross += other.cross; }
};

/// Conjugate gradients from w on, preconditioned by the diagonal, each row by itself and within its mask.
/// @param ridges  of each column, as a share of the columns' mean square.
torch::Tensor solve(const Sums& sums, const torch::Tensor& w, const torch::Tensor& mask, const torch::Tensor& ridges) {
  const auto ridge = ridges * sums.gram.diagonal().mean();
  const auto diagonal = sums.gram.diagonal() + ridge;
  const auto apply = [&](const torch::Tensor& v) { return (v.matmul(sums.gram) + ridge * v) * mask; };
  auto x = w.clone();
  auto residual = (sums.cross + ridge * w) * mask - apply(x);
  auto z = residual / diagonal, direction = z.clone();
  auto size = (residual * z).sum(1, true);
  const auto first = size.clamp_min(1e-30);
  for (int64_t i = 0; i < kIterations && (size / first).max().item<double>() > kEnough * kEnough; ++i) {
    const auto applied = apply(direction);
    const auto step = size / (direction * applied).sum(1, true).clamp_min(1e-30);
    x += step * direction;
    residual -= step * applied;
    z = residual / diagonal;
    const auto next = (residual * z).sum(1, true);
    direction = z + next / size.clamp_min(1e-30) * direction;
    size = next;
  }
  return x;
}

/// A network that has run up to some node, on all batches: the values that nodes from there on read.
class HalfwayThrough {
 public:
  HalfwayThrough(const Graph& graph, const std::vector<torch::Tensor>& batches) : module_(graph) {
    for (const auto& batch : batches) batches_.push_back({{graph.inputs.at(0).name, batch}});
  }
  [[nodiscard]] Module& module() { return module_; }
  [[nodiscard]] size_t batches() const { return batches_.size(); }
  /// Runs what lies before the node. @pre not before where it is.
  void advance(size_t node) {
    const auto live = live_before(node);
    for (auto& values : batches_) {
      std::vector<std::string> missing;
      std::copy_if(live.begin(), live.end(), std::back_inserter(missing), [&](const auto& name) { return !values.count(name); });
      auto next = missing.empty() ? Values{} : module_.run(values, missing);
      for (auto& [name, value] : values)
        if (live.count(name)) next.emplace(name, value);
      values = std::move(next);
    }
  }
  /// A value of a batch; nodes between here and it are run.
  [[nodiscard]] torch::Tensor value(size_t batch, const std::string& name) {
    const auto& values = batches_[batch];
    const auto it = values.find(name);
    return it != values.end() ? it->second : module_.run(values, {name}).at(name);
  }

 private:
  [[nodiscard]] std::set<std::string> live_before(size_t node) const {
    const auto& graph = module_.graph();
    std::set<std::string> made, out;
    for (const auto& info : graph.inputs) made.insert(info.name);
    for (size_t i = 0; i < node; ++i) made.insert(graph.nodes[i].outputs.begin(), graph.nodes[i].outputs.end());
    const auto add = [&](const std::string& name) {
      if (!name.empty() && made.count(name)) out.insert(name);
    };
    for (size_t i = node; i < graph.nodes.size(); ++i) std::for_each(graph.nodes[i].inputs.begin(), graph.nodes[i].inputs.end(), add);
    for (const auto& info : graph.outputs) add(info.name);
    return out;
  }
  Module module_;
  std::vector<Values> batches_;
};

/// How far values are from the dense ones, as a share of those: by the sums alone, less a constant.
double loss(const Sums& sums, const torch::Tensor& w) { return ((w.matmul(sums.gram) * w).sum() - 2 * (sums.cross * w).sum()).item<double>(); }

/// The weights, and the bias where there is one, of a layer that both networks have come to.
void fit(const compress::SparseLayer& layer, const Node& node, const LayerRows& rows, const Tensor& mask, HalfwayThrough& before,
         HalfwayThrough& after) {
  auto& module = after.module();
  const auto weights = module.parameter(layer.weights).to(torch::kFloat);
  const auto bias_name = node.inputs.size() > 2 ? node.inputs[2] : "";
  auto w = rows.matrix(weights), kept = rows.matrix(to_torch(mask, torch::kFloat));
  const auto reads_bias = [&](const Node& it) { return std::count(it.inputs.begin(), it.inputs.end(), bias_name) > 0; };
  const auto& nodes = module.graph().nodes;
  const bool has_bias = !bias_name.empty() && std::count_if(nodes.begin(), nodes.end(), reads_bias) == 1 &&
                        module.graph().initializers.count(bias_name) > 0 && module.graph().initializers.at(bias_name).size() == w.size(0);
  auto ridge = torch::ones({w.size(1)});
  if (has_bias) {  // the weight of an input that is always one
    w = torch::cat({w, module.parameter(bias_name).to(torch::kFloat).reshape({-1, 1})}, 1);
    kept = torch::cat({kept, torch::ones({w.size(0), 1})}, 1);
    ridge = torch::cat({ridge, torch::zeros({1})});
  }
  Sums fitted_to(w.size(1), w.size(0)), checked(w.size(1), w.size(0));
  for (size_t batch = 0; batch < after.batches(); ++batch) {
    auto x = rows.of_input(after.value(batch, node.inputs[0]), weights);
    if (!x.defined()) return;
    if (has_bias) x = torch::cat({x, torch::ones({x.size(0), 1})}, 1);
    (static_cast<int64_t>(batch) % kOneBatchIn == kOneBatchIn - 1 ? checked : fitted_to).add(x, rows.of_output(before.value(batch, node.outputs[0])));
  }
  double best = 0, least = loss(checked, w);
  for (const double share : kRidges)
    if (const double now = loss(checked, solve(fitted_to, w, kept, share * ridge)); now < least) best = share, least = now;
  log::debug("reconstructed " + layer.node + (best > 0 ? ", ridge " + format_fixed(best, 3) : ": kept as it was"));
  if (best == 0) return;
  fitted_to.add(checked);
  const auto fitted = solve(fitted_to, w, kept, best * ridge);
  if (!fitted.isfinite().all().item<bool>()) return;
  module.assign(layer.weights, rows.weights(fitted.narrow(1, 0, ridge.size(0) - has_bias), weights));
  if (has_bias) module.assign(bias_name, fitted.select(1, ridge.size(0) - 1).reshape(module.parameter(bias_name).sizes()));
}

}  // namespace

Graph reconstruct(const Graph& dense, const Graph& sparse, const std::vector<compress::SparseLayer>& layers,
                  const std::map<std::string, Tensor>& masks, const Dataset& images, int64_t count, int threads) {
  use_threads(threads);
  torch::NoGradGuard guard;
  std::vector<torch::Tensor> batches;
  const int64_t size = std::clamp<int64_t>(count / kOneBatchIn, 1, kMostBatch);
  for (int64_t begin = 0; begin < count; begin += size) {
    std::vector<torch::Tensor> inputs;
    for (int64_t i = begin; i < std::min(begin + size, count); ++i) {
      Rng rng(static_cast<uint64_t>(i));
      inputs.push_back(to_torch(images.get(i % images.size(), i < images.size() ? nullptr : &rng).input, torch::kFloat));
    }
    batches.push_back(torch::cat(inputs));
  }
  HalfwayThrough before(dense, batches), after(sparse, batches);
  std::set<std::string> done;  // constants that several layers read are fitted to the first
  for (const auto& layer : layers) {
    const auto mask = masks.find(layer.weights);
    const auto node = std::find_if(sparse.nodes.begin(), sparse.nodes.end(),
                                   [&](const Node& it) { return it.label() == layer.node && it.inputs.size() > 1 && it.inputs[1] == layer.weights; });
    if (mask == masks.end() || node == sparse.nodes.end() || !LayerRows::takes(layer, *node) || !done.insert(layer.weights).second) continue;
    const LayerRows rows(layer, *node);
    before.advance(static_cast<size_t>(node - sparse.nodes.begin())), after.advance(static_cast<size_t>(node - sparse.nodes.begin()));
    fit(layer, *node, rows, mask->second, before, after);
  }
  return after.module().export_graph();
}

}  // namespace scissionlite::train
