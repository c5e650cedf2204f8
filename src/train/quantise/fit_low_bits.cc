#include "train/quantise/fit_low_bits.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/text.h"
#include "train/data/some_images.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kImagesForBiases = 64;

/// Mean of each output of a layer, and over how many it is.
torch::Tensor channel_sums(const torch::Tensor& y, bool is_conv) {
  return is_conv ? y.flatten(2).to(torch::kDouble).sum(c10::IntArrayRef{0, 2}) : y.reshape({-1, y.size(-1)}).to(torch::kDouble).sum(0);
}
double channel_count(const torch::Tensor& y, bool is_conv) {
  return static_cast<double>(y.numel()) / static_cast<double>(is_conv ? y.size(1) : y.size(-1));
}

Values with_input(const Module& module, const Values& given, const torch::Tensor& input) {
  Values out = given;
  out[module.graph().inputs.at(0).name] = input;
  return out;
}

/// Means of a layer's outputs by the channel.
torch::Tensor means(Module& module, const Values& given, const std::string& value, bool is_conv, const SomeImages& batches) {
  torch::Tensor sum;
  double count = 0;
  batches.each(
      [&](const torch::Tensor& input) {
        const auto y = module.run(with_input(module, given, input), {value}).at(value);
        const auto sums = channel_sums(y, is_conv);
        sum = sum.defined() ? sum + sums : sums;
        count += channel_count(y, is_conv);
      },
      kImagesForBiases);
  return sum / count;
}

bool has_batch_norm(const compress::LowBitModel& model) {
  return std::any_of(model.graph.nodes.begin(), model.graph.nodes.end(), [](const Node& node) { return node.op_type == "BatchNormalization"; });
}

/// The network with statistics of BatchNormalization that are averages over batches, each of which is normalised by its own.
Graph with_statistics_of(const Graph& network, const Values& given, const SomeImages& batches) {
  Module module(network);
  module.train({});
  module.set_update_statistics(true);
  double batch = 0;
  batches.each([&](const torch::Tensor& input) {
    module.set_statistics_momentum(1 / ++batch);
    (void)module.run(with_input(module, given, input), {network.outputs.at(0).name});
  });
  return module.export_graph();
}

/// One channel's, of a BatchNormalization.
struct Statistics {
  double mean, variance;
};

/// The reference's own statistics, moved and scaled as few bits move and scale what is normalised: these images need not be distributed as those that
/// the network was trained on (rare positives that were drawn more often, say), and a network that bits change nothing of keeps its statistics.
Statistics moved(const Statistics& own, const Statistics& reference, const Statistics& quantised) {
  const double ratio = reference.variance > 0 ? quantised.variance / reference.variance : 1;
  return {quantised.mean + (own.mean - reference.mean) * std::sqrt(ratio), own.variance * ratio};
}

Graph with_moved_statistics(const Graph& network, const Values& given, const Reference& reference, const SomeImages& batches) {
  const Graph own = reference.network.export_graph(), measured = with_statistics_of(own, reference.given, batches);
  Graph out = with_statistics_of(network, given, batches);
  for (const auto& node : network.nodes) {
    if (node.op_type != "BatchNormalization" || !own.initializers.contains(node.inputs[3])) continue;
    const auto of = [&](const Graph& graph) {
      return std::pair(graph.initializers.at(node.inputs[3]).to_f32(), graph.initializers.at(node.inputs[4]).to_f32());
    };
    const auto [own_mean, own_variance] = of(own);
    const auto [reference_mean, reference_variance] = of(measured);
    auto [mean, variance] = of(out);
    mean = mean.clone(), variance = variance.clone();
    for (size_t c = 0; c < static_cast<size_t>(mean.size()); ++c) {
      const auto [m, v] = moved({own_mean.as<float>()[c], own_variance.as<float>()[c]},
                                {reference_mean.as<float>()[c], reference_variance.as<float>()[c]}, {mean.as<float>()[c], variance.as<float>()[c]});
      mean.mutable_as<float>()[c] = static_cast<float>(m), variance.mutable_as<float>()[c] = static_cast<float>(v);
    }
    out.initializers[node.inputs[3]] = mean, out.initializers[node.inputs[4]] = variance;
  }
  return out;
}

}  // namespace

Graph with_biases(const Graph& graph) {
  Graph out = graph;
  for (const auto& layer : compress::find_low_bit_layers(graph)) {
    auto& node = out.nodes[layer.node];
    if (layer.batch_norm >= 0 || !layer.not_eligible.empty() || node.op_type == "MatMul" || (node.inputs.size() > 2 && !node.inputs[2].empty()))
      continue;
    const auto name = out.fresh_name(node.name + "_bias");
    out.initializers[name] = Tensor::of<float>({layer.weights.outputs}, std::vector<float>(static_cast<size_t>(layer.weights.outputs), 0));
    node.inputs.resize(3);
    node.inputs[2] = name;
  }
  return out;
}

compress::LowBitSteps fit_steps(const compress::LowBitModel& model, const Reference& reference, const Dataset& images, const FitOptions& options) {
  compress::LowBitSteps out;
  for (size_t l = 0; l < model.layers.size(); ++l) {
    const auto& layer = model.layers[l].weights;
    const auto& bits = model.plan.layers[l];
    out.weights.push_back(compress::fit_weight_steps(layer, model.graph.initializers.at(layer.weights),
                                                     compress::weight_range(bits.weight_bits, bits.encoding), options.one_step_a_layer));
  }
  torch::NoGradGuard guard;
  std::set<std::string> names;
  for (const auto& point : model.points) names.insert(point.value);
  const std::vector<std::string> wanted(names.begin(), names.end());
  std::map<std::string, compress::Histogram> histograms;
  const SomeImages batches(images, options.images, options.seed);
  for (const bool counts : {false, true})
    batches.each([&](const torch::Tensor& input) {
      for (const auto& [name, value] : reference.network.run(with_input(reference.network, reference.given, input), wanted)) {
        const auto flat = value.cpu().to(torch::kFloat).contiguous();
        const std::span<const float> values(flat.data_ptr<float>(), static_cast<size_t>(flat.numel()));
        if (counts) histograms[name].count(values);
        else histograms[name].widen(values, name);
      }
    });
  for (const auto& point : model.points) out.activations.push_back(histograms.at(point.value).fit(point.bits, point.is_signed));
  return out;
}

compress::LowBitModel with_constants_of(compress::LowBitModel model, const Graph& trained) {
  for (auto& [name, tensor] : model.graph.initializers)
    if (const auto it = trained.initializers.find(name); it != trained.initializers.end() && it->second.shape() == tensor.shape())
      tensor = it->second;
  return model;
}

compress::LowBitModel with_fitted_statistics(const compress::LowBitModel& model, const compress::LowBitSteps& steps, const Reference& reference,
                                             const Dataset& images, const FitOptions& options) {
  torch::NoGradGuard guard;
  const FakeQuantised network(model, steps);
  const SomeImages batches(images, options.images, options.seed);
  Module module(has_batch_norm(model) ? with_moved_statistics(network.graph(), network.steps(), reference, batches) : network.graph());
  const auto producers = network.graph().producers();
  for (const auto& layer : model.layers) {
    const auto& node = model.graph.nodes[layer.node];
    if (layer.batch_norm >= 0 || node.inputs.size() < 3 || node.inputs[2].empty()) continue;
    const bool is_conv = node.op_type == "Conv";
    const auto unrounded = network.graph().nodes[producers.at(node.outputs[0])].inputs[0];  // else the bias would be rounded twice
    const auto wanted = means(reference.network, reference.given, node.outputs[0], is_conv, batches),
               found = means(module, network.steps(), unrounded, is_conv, batches);
    const auto bias = module.parameter(node.inputs[2]).detach();
    module.assign(
        node.inputs[2],
        bias +
            (wanted - found).to(bias.scalar_type()).expand({wanted.numel()}).reshape(bias.numel() == wanted.numel() ? bias.sizes() : wanted.sizes()));
  }
  return with_constants_of(model, module.export_graph());
}

}  // namespace scissionlite::train
