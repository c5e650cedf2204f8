#include "train/quantise/quantise.h"

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/text.h"
#include "compress/pack_codes.h"
#include "compress/write_low_bit.h"
#include "engine/engine.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "score/metric.h"
#include "train/accuracy.h"
#include "train/compressing.h"
#include "train/network/classifier.h"
#include "train/quantise/bit_search.h"
#include "train/quantise/fit_low_bits.h"
#include "train/tensors/convert.h"
#include "train/tensors/device.h"
#include "train/train_graph.h"

namespace scissionlite::train {
namespace {

using compress::Encoding;
using compress::LayerBits;
using compress::LowBitModel;
using compress::LowBitPlan;
using compress::LowBitSteps;

constexpr char kWrittenRunsOn[] = "native";
constexpr int64_t kImagesCompared = 1000;
constexpr int kBitsOfFloat = 32;
constexpr int64_t kImagesOfSearch = 128;  // that losses are measured on

[[noreturn]] void refuse_rule(const std::string& text, const std::string& why) {
  throw InvalidArgument(
      "[quantize] '" + text + "' " + why +
      "; expected GLOB=w1..8, GLOB=a1..8 or both (block*=w2a4), with :twos, :unsigned or :bipolar behind it where the encoding matters");
}

LayerBits usual_bits(const QuantiseJob& job, const compress::LowBitLayer& layer) {
  const bool is_wide = layer.is_first || layer.is_last;
  const int weight_bits = is_wide ? job.first_last_bits : job.weight_bits;
  return {layer.name, weight_bits, job.encoding && !is_wide ? *job.encoding : compress::usual_encoding(weight_bits, layer.has_negative),
          is_wide ? job.first_last_bits : job.activation_bits};
}

bool is_named_by_rule(const QuantiseJob& job, const std::string& layer) {
  return std::any_of(job.rules.begin(), job.rules.end(), [&](const BitsRule& rule) { return glob_matches(rule.glob, layer); });
}

void apply_rules(const QuantiseJob& job, const std::map<std::string, bool>& has_negative, LowBitPlan& plan) {
  for (const auto& rule : job.rules) {
    bool matches = false;
    std::vector<std::string> names;
    for (auto& layer : plan.layers) {
      names.push_back(layer.name);
      if (!glob_matches(rule.glob, layer.name)) continue;
      matches = true;
      if (rule.weight_bits)
        layer.weight_bits = *rule.weight_bits,
        layer.encoding = job.encoding.value_or(compress::usual_encoding(*rule.weight_bits, has_negative.at(layer.name)));
      if (rule.encoding) layer.encoding = *rule.encoding;
      if (rule.activation_bits) layer.activation_bits = *rule.activation_bits;
    }
    if (!matches)
      throw InvalidArgument("[quantize] no layer has a name like '" + rule.glob + "'" + did_you_mean(rule.glob, names) + "; layers: " + join(names));
  }
}

LowBitPlan read_plan(const fs::path& path) {
  const auto json = parse_json(read_file(path), path.string());
  return compress::low_bit_plan_from_json(JsonReader(json, path.string()));
}

LowBitPlan plan_of(const QuantiseJob& job, const Graph& graph) {
  if (!job.plan.empty()) return read_plan(job.plan);
  LowBitPlan plan{{}, job.residual_bits};
  std::vector<std::string> reasons;
  std::map<std::string, bool> has_negative;
  for (const auto& layer : compress::find_low_bit_layers(graph)) {
    has_negative[layer.name] = layer.has_negative;
    if (layer.not_eligible.empty()) plan.layers.push_back(usual_bits(job, layer));
    else reasons.push_back(layer.name + ": " + layer.not_eligible);
  }
  if (plan.layers.empty())
    throw InvalidArgument("[quantize] '" + job.train.model.string() +
                          "' has no layer to quantise, that is no Conv, Gemm or MatMul with constant float32 weights" +
                          (reasons.empty() ? "" : ": " + join(reasons, "; ")));
  apply_rules(job, has_negative, plan);
  return plan;
}

/// The plan with at least so many bits for all; bipolar weights stay so where int8 holds them.
LowBitPlan with_at_least(LowBitPlan plan, int bits) {
  for (auto& layer : plan.layers) {
    if (layer.weight_bits < bits) {
      layer.weight_bits = bits;
      if (layer.encoding == Encoding::kBipolar && bits == compress::kMostBits) layer.encoding = Encoding::kTwos;
    }
    layer.activation_bits = std::max(layer.activation_bits, bits);
  }
  return plan;
}

int64_t elements_of_constants(const Graph& graph) {
  int64_t count = 0;
  for (const auto& [name, tensor] : graph.initializers) count += tensor.dtype() == Dtype::kF32 ? tensor.size() : 0;
  return count;
}

Tensor answers_of(Executable& executable, const Tensor& image) {
  const std::vector<Tensor> inputs{image};
  return executable.run(inputs)[0].to_f32();
}

class Quantiser {
 public:
  explicit Quantiser(const QuantiseJob& job) : job_(job), train_(with_itself_as_teacher(job.train)), model_(load_to_compress(train_, "quantize")) {
    if (job.calibration_images < 1)
      throw InvalidArgument("[quantize] steps are to be fitted to " + std::to_string(job.calibration_images) + " images; expected at least 1");
    check_stages();
    check_search();
    if (!job.report.empty()) check_writable(job.report);
    graph_ = with_biases(compress::ready_for_low_bits(model_));
    target_ = compress::with_plan(graph_, plan_of(job, graph_));
  }

  QuantiseReport run() {
    check_job(train_);
    use_device(train_.device);
    data_.emplace(load_data(train_, train_.input, classes_of(model_)));
    use_threads(train_.trainer.threads);
    report_.before = accuracy(model_, *data_->held_out, train_.trainer.threads);
    if (!job_.search.empty()) target_ = compress::with_plan(graph_, searched_plan());
    const auto stages = stages_of();
    if (stages.size() > 1) measure_post_training();
    Module whole(graph_);
    std::optional<Trained> now;
    int64_t epochs_before = 0;
    for (size_t s = 0; s < stages.size(); ++s) {
      now = train_stage(stages, s, epochs_before, now, whole);
      epochs_before += stages[s].epochs;
    }
    report_.after = score_of(report_.stages.back().training.epochs, report_.stages.back().training.best_epoch);
    if (stages.size() == 1) report_.post_training = score_of(report_.stages.back().training.epochs, 0);
    write(*now);
    if (!job_.report.empty()) write_file(job_.report, to_json(report_).dump(2) + "\n");
    return std::move(report_);
  }

 private:
  struct Stage {
    int bits;  // 0: the plan's
    int64_t epochs;
    LowBitPlan plan;
  };
  struct Trained {
    LowBitModel model;
    LowBitSteps steps;
  };

  void check_stages() const {
    for (size_t i = 0; i < job_.progressive.size(); ++i) {
      const int bits = job_.progressive[i];
      if (bits < 1 || bits > compress::kMostBits)
        throw InvalidArgument("[quantize] a stage of " + std::to_string(bits) + " bits; expected 1 to " + std::to_string(compress::kMostBits));
      if (i > 0 && bits >= job_.progressive[i - 1])
        throw InvalidArgument("[quantize] stages are to have fewer bits each, got " + std::to_string(bits) + " behind " +
                              std::to_string(job_.progressive[i - 1]));
    }
  }

  void check_search() const {
    const bool has_budget = job_.latency_us || job_.size_bytes;
    if (job_.search.empty() && has_budget) throw InvalidArgument("[quantize] a budget needs bits to choose from: --search w1a2,w2a2,w4a4,w8a8");
    if (job_.search.empty()) return;
    if (job_.latency_us.has_value() == job_.size_bytes.has_value())
      throw InvalidArgument("[quantize] bits are searched within one budget: give --latency-ms or --size-kib");
    if ((job_.latency_us && !(*job_.latency_us > 0)) || (job_.size_bytes && *job_.size_bytes <= 0))
      throw InvalidArgument("[quantize] the budget is to be more than nothing");
    if (!job_.plan.empty()) throw InvalidArgument("[quantize] '" + job_.plan.string() + "' gives the bits already; leave out --layers or --search");
  }

  /// As the checkpoint was begun with: times differ from one measurement to the next.
  [[nodiscard]] fs::path file_of_searched_plan() const { return train_.trainer.checkpoint.string() + ".bits.json"; }

  [[nodiscard]] LowBitPlan searched_plan() {
    const bool is_kept = !train_.trainer.checkpoint.empty();
    if (is_kept && fs::exists(file_of_searched_plan())) {
      log::info("bits as in '" + file_of_searched_plan().string() + "', chosen before");
      return read_plan(file_of_searched_plan());
    }
    std::vector<std::string> searched;
    std::map<std::string, bool> has_negative;
    for (const auto& layer : compress::find_low_bit_layers(graph_)) {
      has_negative[layer.name] = layer.has_negative;
      if (layer.not_eligible.empty() && !layer.is_first && !layer.is_last && !is_named_by_rule(job_, layer.name)) searched.push_back(layer.name);
    }
    const auto encoding_of = [&](const std::string& layer, int bits) {
      const auto usual = compress::usual_encoding(bits, has_negative.at(layer));
      return job_.encoding == Encoding::kBipolar && bits == compress::kMostBits ? usual : job_.encoding.value_or(usual);
    };
    auto [plan, report] = search_bits(
        graph_, target_.plan, searched, encoding_of, *data_->train,
        {job_.search, job_.latency_us, job_.size_bytes, fit_options(), std::min(kImagesOfSearch, job_.calibration_images), train_.trainer.threads});
    report_.search = std::move(report);
    if (is_kept) write_file(file_of_searched_plan(), to_json(plan).dump(2) + "\n");
    return plan;
  }

  /// Epochs are shared out evenly; what is left over goes to the last stages.
  [[nodiscard]] std::vector<Stage> stages_of() const {
    std::vector<Stage> out;
    const int64_t epochs = train_.trainer.epochs;
    if (epochs > 0)
      for (const int bits : job_.progressive)
        if (auto plan = with_at_least(target_.plan, bits); plan != target_.plan) out.push_back({bits, 0, std::move(plan)});
    out.push_back({0, 0, target_.plan});
    const auto count = static_cast<int64_t>(out.size());
    if (epochs > 0 && epochs < count)
      throw InvalidArgument("[quantize] " + std::to_string(epochs) + " epochs are fewer than the " + std::to_string(count) +
                            " stages of --progressive; give more, or fewer stages");
    for (int64_t s = 0; s < count; ++s) out[static_cast<size_t>(s)].epochs = epochs / count + (s >= count - epochs % count);
    return out;
  }

  [[nodiscard]] FitOptions fit_options() const { return {job_.calibration_images, train_.trainer.seed, job_.one_step_a_layer}; }

  [[nodiscard]] Trained fitted(const LowBitModel& model, const Reference& reference) const {
    const auto steps = fit_steps(model, reference, *data_->train, fit_options());
    return {with_fitted_statistics(model, steps, reference, *data_->train, fit_options()), steps};
  }

  [[nodiscard]] Json identity(const Stage& stage, const Trained& start) const {
    Json steps = Json::array();
    for (const auto& step : start.steps.activations) steps.push_back(step.zero_point);
    return {{"quantize", to_json(stage.plan)},
            {"one_step_a_layer", job_.one_step_a_layer},
            {"calibration_images", job_.calibration_images},
            {"zero_points", steps}};
  }

  /// What the plan gives without training, where the last stage does not start from it.
  void measure_post_training() {
    Module whole(graph_);
    const auto start = fitted(target_, {whole, {}});
    TrainJob job = train_;
    job.trainer.epochs = 0;
    job.trainer.checkpoint.clear();
    const auto report = run_training(job, {0, 0, target_.plan}, start).second;
    report_.post_training = score_of(report.epochs, 0);
  }

  [[nodiscard]] std::pair<Trained, TrainReport> run_training(const TrainJob& job, const Stage& stage, const Trained& start) const {
    const FakeQuantised network(start.model, start.steps);
    GraphJob what{.graph = network.graph(),
                  .selection = {job.train, job.freeze, {}, ""},
                  .straight_through = false,
                  .identity = identity(stage, start),
                  .more = network.steps()};
    what.after_backward = [&](Module&) { network.scale_gradients(); };
    what.after_step = [&](Module& module, const Trainer::Step&) { network.keep_positive(module); };
    std::optional<Graph> trained;
    auto report = train_graph(job, what, *data_, [&](const Graph& graph) { trained = graph; });
    if (!trained) throw InternalError("[quantize] training was stopped");
    return {{with_constants_of(start.model, *trained), network.learned()}, std::move(report)};
  }

  [[nodiscard]] Trained train_stage(const std::vector<Stage>& stages, size_t s, int64_t epochs_before, const std::optional<Trained>& before,
                                    Module& whole) {
    const auto& stage = stages[s];
    const bool is_last = s + 1 == stages.size();
    auto model = compress::with_plan(before ? before->model.graph : graph_, stage.plan);
    if (is_last) report_.notes = target_.notes;
    std::optional<Trained> start;
    if (before) {
      const FakeQuantised network(before->model, before->steps);
      Module quantised(network.graph());
      start = fitted(model, {quantised, network.steps()});
    } else {
      start = fitted(model, {whole, {}});
    }
    TrainJob job = train_;
    job.trainer.epochs = stage.epochs;
    job.trainer.schedule.epochs_before = epochs_before;
    job.trainer.schedule.epochs_after = train_.trainer.epochs - epochs_before - stage.epochs;
    if (!is_last) {
      job.trainer.keep_best = false, job.trainer.patience = 0;
      if (!job.trainer.checkpoint.empty()) job.trainer.checkpoint += ".stage" + std::to_string(s + 1);
    }
    if (stages.size() > 1)
      log::info("stage " + std::to_string(s + 1) + " of " + std::to_string(stages.size()) + ": " +
                (is_last ? "the plan's bits" : "at least " + std::to_string(stage.bits) + " bits"));
    auto [trained, training] = run_training(job, stage, *start);
    report_.stages.push_back({stage.bits, std::move(training)});
    return trained;
  }

  void write(const Trained& trained) {
    auto written = compress::write_low_bit(trained.model, trained.steps);
    written.graph.metadata.insert(model_.metadata.begin(), model_.metadata.end());
    describe_layers(trained.model, written);
    if (!job_.keeps_bytes) compress::pack_codes(written.graph);
    const auto file = serialize_model(written.graph);
    report_.file_bytes = static_cast<int64_t>(file.size());
    write_file(train_.output, file);
    if (report_.search && report_.search->predicted_us) report_.search->measured_us = measured_us(written.graph, train_.trainer.threads);
    compare(trained, written.graph);
  }

  void describe_layers(const LowBitModel& model, const compress::WrittenLowBit& written) {
    report_.float_bits = kBitsOfFloat * elements_of_constants(graph_);
    report_.size_bits = kBitsOfFloat * elements_of_constants(written.graph);
    for (size_t l = 0; l < model.layers.size(); ++l) {
      const auto& layer = model.layers[l];
      const auto weights = layer.weights.outputs * layer.weights.inputs * layer.weights.taps;
      report_.layers.push_back({model.plan.layers[l], layer.weights.op_type, weights, layer.weights.outputs, written.layers[l].constant_outputs,
                                written.layers[l].clipped_biases});
      report_.size_bits += weights * model.plan.layers[l].weight_bits + kBitsOfFloat * layer.weights.outputs;  // and a bias each
    }
  }

  /// The file's answers beside those of the network that was trained.
  void compare(const Trained& trained, const Graph& written) {
    torch::NoGradGuard guard;
    const FakeQuantised network(trained.model, trained.steps);
    Module module(network.graph());
    const auto runner = compile(with_batch(written, 1), kWrittenRunsOn, {.threads = train_.trainer.threads}),
               teacher = compile(with_batch(model_, 1), default_backend(), {.threads = train_.trainer.threads});
    int64_t right = 0, labelled = 0, like_float = 0, alike = 0, compared = 0;
    for (int64_t i = 0; i < data_->held_out->size(); ++i) {
      const auto example = data_->held_out->get(i, nullptr);
      const Tensor found = answers_of(*runner, example.input).clone();
      const int64_t top = top1(found);
      if (example.label >= 0) ++labelled, right += top == example.label;
      else like_float += top == top1(answers_of(*teacher, example.input));
      if (i >= kImagesCompared) continue;
      auto given = network.steps();
      given[module.graph().inputs.at(0).name] = to_torch(example.input, torch::kFloat);
      const Tensor expected = from_torch(module.run(given, {module.graph().outputs.at(0).name}).begin()->second, Dtype::kF32);
      ++compared, alike += top == top1(expected);
      report_.largest_difference =
          std::max(report_.largest_difference, max_relative_error(found.reshaped({found.size()}), expected.reshaped({expected.size()})));
    }
    const auto share = [](int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(std::max<int64_t>(1, whole)); };
    report_.agreement = share(alike, compared);
    report_.written = labelled > 0 ? share(right, labelled) : share(like_float, data_->held_out->size());
  }

  const QuantiseJob& job_;
  TrainJob train_;
  Graph model_, graph_;  // as read, and ready
  LowBitModel target_;
  std::optional<JobData> data_;
  QuantiseReport report_;
};

}  // namespace

BitsRule bits_rule(const std::string& text) {
  const auto at = text.rfind('=');
  if (at == std::string::npos || at == 0) refuse_rule(text, "names no layers");
  BitsRule out{text.substr(0, at), {}, {}, {}};
  std::string bits = text.substr(at + 1);
  if (const auto colon = bits.find(':'); colon != std::string::npos)
    out.encoding = compress::encoding_named(bits.substr(colon + 1)), bits.resize(colon);
  size_t i = 0;
  for (const auto& [letter, to] : {std::pair{'w', &out.weight_bits}, std::pair{'a', &out.activation_bits}}) {
    if (i >= bits.size() || bits[i] != letter) continue;
    if (i + 1 >= bits.size() || bits[i + 1] < '1' || bits[i + 1] > '8')
      refuse_rule(text, "gives no bits from 1 to 8 behind '" + std::string(1, letter) + "'");
    *to = bits[i + 1] - '0';
    i += 2;
  }
  if (i != bits.size() || bits.empty()) refuse_rule(text, "is not understood");
  return out;
}

BitsCandidate bits_candidate(const std::string& text) {
  const auto is_bits = [&](size_t at) { return text[at] >= '1' && text[at] <= '8'; };
  if (text.size() != 4 || text[0] != 'w' || text[2] != 'a' || !is_bits(1) || !is_bits(3))
    throw InvalidArgument("[quantize] '" + text + "' are no bits to choose from; expected w1..8a1..8, as in w2a4");
  return {text[1] - '0', text[3] - '0'};
}

std::string bits_text(const BitsCandidate& bits) { return "w" + std::to_string(bits.weight_bits) + "a" + std::to_string(bits.activation_bits); }

namespace {

Json to_json(const BitSearchReport& search) {
  Json out{{"layers", Json::array()}};
  for (const auto& layer : search.layers) {
    Json options = Json::array();
    for (const auto& option : layer.options) {
      options.push_back({{"bits", bits_text(option.bits)}, {"divergence", option.divergence}, {"bytes", option.bytes}});
      if (search.predicted_us) options.back()["us"] = option.us;
    }
    out["layers"].push_back({{"name", layer.name}, {"chosen", bits_text(layer.chosen)}, {"options", std::move(options)}});
  }
  if (search.predicted_us) out["predicted_us"] = *search.predicted_us;
  if (search.measured_us) out["measured_us"] = *search.measured_us;
  if (search.predicted_bytes) out["predicted_bytes"] = *search.predicted_bytes;
  return out;
}

}  // namespace

Json to_json(const QuantiseReport& report) {
  Json out{{"schema", "scissionlite.quantisation/1"},
           {"file_bytes", report.file_bytes},
           {"size_bits", {{"before", report.float_bits}, {"after", report.size_bits}}},
           {"notes", report.notes},
           {"agreement", report.agreement},
           {"largest_difference", report.largest_difference},
           {"layers", Json::array()},
           {"score", Json::object()},
           {"stages", Json::array()}};
  for (const auto& layer : report.layers)
    out["layers"].push_back({{"name", layer.bits.name},
                             {"op", layer.op_type},
                             {"weights", layer.weights},
                             {"outputs", layer.outputs},
                             {"weight_bits", layer.bits.weight_bits},
                             {"encoding", encoding_name(layer.bits.encoding)},
                             {"activation_bits", layer.bits.activation_bits},
                             {"constant_outputs", layer.constant_outputs},
                             {"clipped_biases", layer.clipped_biases}});
  for (const auto& stage : report.stages) out["stages"].push_back({{"bits", stage.bits}, {"training", to_json(stage.training)}});
  if (report.search) out["search"] = to_json(*report.search);
  add_score(out["score"], "before", report.before);
  add_score(out["score"], "post_training", report.post_training);
  add_score(out["score"], "after", report.after);
  add_score(out["score"], "written", report.written);
  return out;
}

QuantiseReport quantise(const QuantiseJob& job) { return Quantiser(job).run(); }

}  // namespace scissionlite::train
