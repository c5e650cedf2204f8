#include "train/quantise/bit_search.h"

#include <algorithm>
#include <cmath>

#include "base/progress.h"
#include "base/text.h"
#include "compress/choose_bits.h"
#include "compress/write_low_bit.h"
#include "engine/backends/native/explain.h"
#include "graph/slice.h"
#include "train/data/some_images.h"
#include "train/tensors/convert.h"

namespace scissionlite::train {
namespace {

constexpr int kRuns = 30;  // that a median time is of

using compress::LayerBits;
using compress::LowBitModel;
using compress::LowBitPlan;
using compress::LowBitSteps;

int64_t weights_of(const compress::LowBitLayer& layer) { return layer.weights.outputs * layer.weights.inputs * layer.weights.taps; }

/// Kullback and Leibler's divergence of softmaxes, summed over the images.
double divergence(const torch::Tensor& wanted, const torch::Tensor& found) {
  const auto p = torch::log_softmax(wanted.flatten(1).to(torch::kDouble), 1), q = torch::log_softmax(found.flatten(1).to(torch::kDouble), 1);
  return (p.exp() * (p - q)).sum().item<double>();
}

class Search {
 public:
  Search(const Graph& graph, const LowBitPlan& start, const std::vector<std::string>& searched,
         const std::function<compress::Encoding(const std::string&, int)>& encoding_of, const Dataset& images, const BitSearch& search)
      : graph_(graph),
        start_(start),
        encoding_of_(encoding_of),
        images_(images),
        search_(search),
        whole_(graph),
        batches_(images, search.images, search.fit.seed) {
    for (size_t l = 0; l < start.layers.size(); ++l)
      if (std::find(searched.begin(), searched.end(), start.layers[l].name) != searched.end()) layers_.push_back(l);
    if (layers_.empty())
      throw InvalidArgument("[quantize] no layer is left to search bits for: the first and the last one, and those that --bits names, keep theirs");
  }

  std::pair<LowBitPlan, BitSearchReport> run() {
    torch::NoGradGuard guard;
    for (const auto l : layers_) report_.layers.push_back({start_.layers[l].name, {}, {}});
    answer();
    Progress progress("bits of " + std::to_string(layers_.size()) + " layers", static_cast<int64_t>(layers_.size() * search_.candidates.size()));
    for (const auto& candidate : search_.candidates) measure(candidate, progress);
    return {choose(), std::move(report_)};
  }

 private:
  [[nodiscard]] LayerBits bits_of(size_t layer, const BitsCandidate& candidate) const {
    const auto& name = start_.layers[layer].name;
    return {name, candidate.weight_bits, encoding_of_(name, candidate.weight_bits), candidate.activation_bits};
  }
  [[nodiscard]] LowBitPlan plan_of(const BitsCandidate& candidate) const {
    auto plan = start_;
    for (const auto l : layers_) plan.layers[l] = bits_of(l, candidate);
    return plan;
  }
  [[nodiscard]] const std::string& output() const { return graph_.outputs.at(0).name; }

  /// The float network's answers.
  void answer() {
    batches_.each([&](const torch::Tensor& input) { answers_.push_back(whole_.run({{graph_.inputs.at(0).name, input}}, {output()}).at(output())); });
  }

  void measure(const BitsCandidate& candidate, Progress& progress) {
    const auto model = compress::with_plan(graph_, plan_of(candidate));
    const auto steps = fit_steps(model, {whole_, {}}, images_, search_.fit);
    const auto times = search_.latency_us ? times_of(model, steps) : std::vector<double>(layers_.size(), 0);
    for (size_t i = 0; i < layers_.size(); ++i) {
      const auto& layer = *std::find_if(model.layers.begin(), model.layers.end(), [&](const auto& l) { return l.name == report_.layers[i].name; });
      report_.layers[i].options.push_back(
          {candidate, loss_of(layers_[i], candidate, model, steps), times[i], (weights_of(layer) * candidate.weight_bits + 7) / 8});
      progress.advance(1, bits_text(candidate) + " " + report_.layers[i].name);
    }
  }

  /// Of each searched layer, in the network that has all layers at those bits.
  [[nodiscard]] std::vector<double> times_of(const LowBitModel& model, const LowBitSteps& steps) {
    const auto explanation = explain_native(with_batch(compress::write_low_bit(model, steps).graph, 1), {.threads = search_.threads}, kRuns);
    std::vector<double> out(layers_.size(), 0);
    double rest = explanation.run_us;
    for (const auto& step : explanation.steps)
      for (size_t i = 0; i < layers_.size(); ++i)
        if (step.node.ends_with("'" + report_.layers[i].name + "'")) out[i] += step.median_us, rest -= step.median_us;
    rest_us_.push_back(rest);
    return out;
  }

  [[nodiscard]] double loss_of(size_t layer, const BitsCandidate& candidate, const LowBitModel& all, const LowBitSteps& steps_of_all) {
    const auto alone = compress::with_plan(graph_, {{bits_of(layer, candidate)}, start_.residual_bits});
    const auto steps = taken_from(alone, all, steps_of_all);
    const auto fitted = with_fitted_statistics(alone, steps, {whole_, {}}, images_, {search_.images, search_.fit.seed, search_.fit.one_step_a_layer});
    const FakeQuantised network(fitted, steps);
    Module module(network.graph());
    double sum = 0;
    size_t batch = 0;
    int64_t count = 0;
    batches_.each([&](const torch::Tensor& input) {
      auto given = network.steps();
      given[module.graph().inputs.at(0).name] = input;
      sum += divergence(answers_[batch++], module.run(given, {module.graph().outputs.at(0).name}).begin()->second);
      count += input.size(0);
    });
    return std::max(0.0, sum / static_cast<double>(count));
  }

  /// Those of the same layers and values in another model, whose activations are of the float network as well; what it lacks is fitted.
  [[nodiscard]] LowBitSteps taken_from(const LowBitModel& model, const LowBitModel& other, const LowBitSteps& steps) {
    LowBitSteps out;
    for (const auto& layer : model.layers) {
      const auto it = std::find_if(other.layers.begin(), other.layers.end(), [&](const auto& l) { return l.name == layer.name; });
      out.weights.push_back(steps.weights[static_cast<size_t>(it - other.layers.begin())]);
    }
    for (const auto& point : model.points) {
      const auto it = std::find_if(other.points.begin(), other.points.end(),
                                   [&](const auto& p) { return p.value == point.value && p.bits == point.bits && p.is_signed == point.is_signed; });
      if (it == other.points.end()) return fit_steps(model, {whole_, {}}, images_, search_.fit);
      out.activations.push_back(steps.activations[static_cast<size_t>(it - other.points.begin())]);
    }
    return out;
  }

  [[nodiscard]] LowBitPlan choose() {
    std::vector<std::vector<compress::BitsOption>> options;
    for (const auto& layer : report_.layers) {
      options.emplace_back();
      for (const auto& option : layer.options)
        options.back().push_back({option.divergence, search_.latency_us ? option.us : static_cast<double>(option.bytes)});
    }
    const double rest = rest_of_budget();
    const double budget = (search_.latency_us ? *search_.latency_us : static_cast<double>(*search_.size_bytes)) - rest;
    check_budget(options, budget, rest);
    const auto chosen = compress::choose_options(options, budget);
    auto plan = start_;
    double sum = rest;
    for (size_t i = 0; i < layers_.size(); ++i) {
      const auto& option = report_.layers[i].options[chosen[i]];
      report_.layers[i].chosen = option.bits;
      plan.layers[layers_[i]] = bits_of(layers_[i], option.bits);
      sum += options[i][chosen[i]].cost;
    }
    if (search_.latency_us) report_.predicted_us = sum;
    else report_.predicted_bytes = static_cast<int64_t>(std::ceil(sum));
    return plan;
  }

  /// What is no searched layer's: of a run, as the median of the candidates' networks; of the bytes, the other layers' weights.
  [[nodiscard]] double rest_of_budget() {
    if (search_.latency_us) {
      std::sort(rest_us_.begin(), rest_us_.end());
      return std::max(0.0, rest_us_[rest_us_.size() / 2]);
    }
    double bytes = 0;
    for (const auto& layer : compress::find_low_bit_layers(graph_))
      for (size_t l = 0; l < start_.layers.size(); ++l)
        if (start_.layers[l].name == layer.name && std::find(layers_.begin(), layers_.end(), l) == layers_.end())
          bytes += static_cast<double>(weights_of(layer) * start_.layers[l].weight_bits) / 8;
    return bytes;
  }

  void check_budget(const std::vector<std::vector<compress::BitsOption>>& options, double budget, double rest) const {
    const double least = rest + compress::least_cost(options);
    if (least <= budget + rest) return;
    const auto in_units = [&](double value) {
      return search_.latency_us ? format_fixed(value / 1000, 3) + " ms" : format_fixed(value / 1024, 2) + " KiB";
    };
    throw InvalidArgument("[quantize] with the cheapest bits of --search for each layer the network takes " + in_units(least) + ", more than the " +
                          in_units(budget + rest) + " of " + (search_.latency_us ? "--latency-ms" : "--size-kib") +
                          "; give more, or fewer bits to choose from");
  }

  const Graph& graph_;
  const LowBitPlan& start_;
  const std::function<compress::Encoding(const std::string&, int)>& encoding_of_;
  const Dataset& images_;
  const BitSearch& search_;
  Module whole_;
  SomeImages batches_;
  std::vector<size_t> layers_;          // of the plan
  std::vector<torch::Tensor> answers_;  // by batch
  std::vector<double> rest_us_;         // by candidate
  BitSearchReport report_;
};

}  // namespace

std::pair<LowBitPlan, BitSearchReport> search_bits(const Graph& graph, const LowBitPlan& start, const std::vector<std::string>& searched,
                                                   const std::function<compress::Encoding(const std::string&, int)>& encoding_of,
                                                   const Dataset& images, const BitSearch& search) {
  return Search(graph, start, searched, encoding_of, images, search).run();
}

double measured_us(const Graph& model, int threads) { return explain_native(with_batch(model, 1), {.threads = threads}, kRuns).run_us; }

}  // namespace scissionlite::train
