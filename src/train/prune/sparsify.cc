#include "train/prune/sparsify.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "compress/permute_channels.h"
#include "compress/two_four.h"
#include "onnx/onnx.h"
#include "train/accuracy.h"
#include "train/compressing.h"
#include "train/network/classifier.h"
#include "train/prune/reconstruct.h"
#include "train/tensors/convert.h"
#include "train/train_graph.h"

namespace scissionlite::train {
namespace {

using compress::SparseLayer;

double magnitude(const Tensor& tensor) {
  double sum = 0;
  for (const float v : tensor.as<float>()) sum += std::abs(v);
  return sum;
}

/// Masks by constant; layers that share one share its mask.
std::map<std::string, Tensor> masks_of(const Graph& graph, const std::vector<SparseLayer>& layers) {
  std::map<std::string, Tensor> out;
  for (const auto& layer : layers)
    if (layer.not_eligible.empty()) out.try_emplace(layer.weights, compress::two_four_mask(layer, graph.initializers.at(layer.weights)));
  return out;
}

void check_some_are_eligible(const std::string& where, const std::vector<SparseLayer>& layers) {
  if (std::any_of(layers.begin(), layers.end(), [](const auto& layer) { return layer.not_eligible.empty(); })) return;
  std::vector<std::string> reasons;
  for (const auto& layer : layers) reasons.push_back(layer.node + ": " + layer.not_eligible);
  throw InvalidArgument("[sparsify] 2:4 takes no layer of '" + where + "'" +
                        (reasons.empty() ? ", which has no weights" : ": " + join(reasons, "; ")));
}

/// Gradients and weights where the mask is one, as ASP does it: what the mask took never comes back.
class Masking {
 public:
  explicit Masking(const std::map<std::string, Tensor>& masks) {
    for (const auto& [name, mask] : masks) masks_[name] = to_torch(mask, torch::kFloat);
  }
  void gradients(Module& module) const {
    for (const auto& [name, tensor] : module.trained())
      if (const auto it = masks_.find(name); it != masks_.end() && tensor.grad().defined()) torch::Tensor(tensor).mutable_grad().mul_(it->second);
  }
  void weights(Module& module) const {
    torch::NoGradGuard guard;
    for (const auto& [name, tensor] : module.trained())
      if (const auto it = masks_.find(name); it != masks_.end()) torch::Tensor(tensor).mul_(it->second);
  }

 private:
  Values masks_;
};

}  // namespace

Json to_json(const SparsifyReport& report) {
  Json out{{"schema", "scissionlite.sparsity/1"},
           {"permutation_efficacy", report.permutation_efficacy},
           {"weights", report.weights},
           {"zeros", report.zeros},
           {"layers", Json::array()},
           {"score", Json::object()},
           {"training", to_json(report.training)}};
  for (const auto& layer : report.layers)
    out["layers"].push_back({{"name", layer.name},
                             {"op", layer.op_type},
                             {"outputs", layer.outputs},
                             {"inputs", layer.inputs},
                             {"taps", layer.taps},
                             {"sparse", layer.note.empty()},
                             {"kept", layer.kept},
                             {"note", layer.note}});
  add_score(out["score"], "before", report.before);
  add_score(out["score"], "masked", report.masked);
  add_score(out["score"], "reconstructed", report.reconstructed);
  add_score(out["score"], "after", report.after);
  return out;
}

SparsifyReport sparsify(const SparsifyJob& job) {
  const auto train = with_itself_as_teacher(job.train);
  const Graph model = load_to_compress(train, "sparsify");
  check_job(train);
  if (!job.report.empty()) check_writable(job.report);
  Graph graph = compress::Channels(model).graph();
  const auto layers = compress::find_sparse_layers(graph);
  check_some_are_eligible(train.model.string(), layers);
  const auto data = load_data(train, train.input, classes_of(model));
  SparsifyReport report;
  if (job.permutes) {
    auto permuted = compress::permute_for_two_four(graph, job.permutation);
    check_answers_alike(graph, permuted.graph, "sparsify", "with its channels in another order");
    graph = std::move(permuted.graph);
    if (permuted.kept_most > permuted.kept_before)
      report.permutation_efficacy = (permuted.kept_after - permuted.kept_before) / (permuted.kept_most - permuted.kept_before);
  }
  graph.metadata = model.metadata;
  report.before = accuracy(graph, *data.held_out, train.trainer.threads);
  const auto masks = masks_of(graph, layers);
  const auto dense = graph.initializers;
  std::set<std::string> counted;  // layers may share their weights
  for (const auto& layer : layers) {
    const auto& whole = dense.at(layer.weights);
    auto& weights = graph.initializers.at(layer.weights);
    if (const auto it = masks.find(layer.weights); it != masks.end()) weights = compress::masked(whole, it->second);
    const double all = magnitude(whole);
    report.layers.push_back(
        {layer.node, layer.op_type, layer.not_eligible, layer.outputs, layer.inputs, layer.taps, all > 0 ? magnitude(weights) / all : 1});
    if (!counted.insert(layer.weights).second) continue;
    const auto share = compress::two_four_share(layer, weights);
    report.weights += share.values, report.zeros += share.zeros;
  }
  if (job.reconstruction_images > 0) {
    Graph whole = graph;
    whole.initializers = dense;
    graph = reconstruct(whole, graph, layers, masks, *data.train, job.reconstruction_images, train.trainer.threads);
    graph.metadata = model.metadata;
  }
  const Masking masking(masks);
  GraphJob what{.graph = graph,
                .selection = {train.train, train.freeze, {}, ""},
                .straight_through = false,
                .identity = {{"sparsify", {job.permutes, job.permutation.method, job.permutation.escapes, job.permutation.seed}}}};
  if (job.reconstruction_images > 0) what.identity["reconstruction"] = job.reconstruction_images;
  what.after_backward = [&](Module& module) { masking.gradients(module); };
  what.after_step = [&](Module& module, const Trainer::Step&) { masking.weights(module); };
  report.training = train_graph(train, what, data, [&](const Graph& trained) { save_model(trained, train.output); });
  (job.reconstruction_images > 0 ? report.reconstructed : report.masked) = score_of(report.training.epochs, 0);
  report.after = score_of(report.training.epochs, report.training.best_epoch);
  if (!job.report.empty()) write_file(job.report, to_json(report).dump(2) + "\n");
  return report;
}

}  // namespace scissionlite::train
