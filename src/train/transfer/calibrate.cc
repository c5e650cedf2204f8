#include "train/transfer/calibrate.h"

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "base/log.h"
#include "base/progress.h"
#include "coding/coder.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "score/activations.h"
#include "train/data/hold_out.h"
#include "train/loop/loss.h"
#include "train/loop/trainer.h"
#include "train/tensors/convert.h"
#include "train/transfer/distill_decoder.h"
#include "train/transfer/sensitivity.h"
#include "transfer/coded_klt_rates.h"
#include "transfer/fitted.h"
#include "transfer/refine.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kLargestPatch = 1024;  // values: the eigenvectors of that many dimensions take seconds

/// A node that reads the value takes no negative numbers.
bool feeds_partial_function(const Graph& graph, const std::string& value) {
  static const std::set<std::string> partial{"Sqrt", "Log", "Pow"};
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    return partial.count(node.op_type) > 0 && std::find(node.inputs.begin(), node.inputs.end(), value) != node.inputs.end();
  });
}

class Calibration {
 public:
  explicit Calibration(const CalibrateJob& job) : job_(job), graph_(load_model(job.model)), model_sha256_(model_sha256(job.model)) {
    if (graph_.inputs.size() != 1)
      throw Unsupported("[calibrate] the model has " + std::to_string(graph_.inputs.size()) +
                        " inputs; transfer layers are fitted for models of one image");
    vision::check_fits(job.input, graph_, job.model.string());
    cut_ = find_cut(ops::find_costed_cuts(graph_), job.cut);
    for (const auto step : job.steps)
      if (step < 1 || step > 1000) throw InvalidArgument("[calibrate] a step of " + std::to_string(step) + " %, expected 1 .. 1000");
    (void)parse_sensitivity(job.sensitivity);
    if (job.family != "klt" && job.family != "conv") throw InvalidArgument("[calibrate] unknown family '" + job.family + "', expected klt or conv");
    if (is_conv() && job.epochs < 1) throw InvalidArgument("[calibrate] conv starts as klt and learns from there; give --epochs, 5 and more");
    const auto split = hold_out(job.images, job.held_out, job.holdout, "calibrate");
    held_out_ = std::make_shared<ImageFiles>(split.measured_on, std::vector<int64_t>{}, job.input, AugmentOptions{});
    images_ = std::make_shared<ImageFiles>(split.learned_from, std::vector<int64_t>{}, job.input, job.augmentation);
    check_writable(job.output / "write_test");
    for (const auto step : job.steps) transfer::check_can_save(job.output / name_of(step), name_of(step));
    use_threads(job.threads);
    model_ = std::make_unique<Module>(graph_);
  }

  CalibrateReport run() {
    const double started_us = Clock::steady().now_us();
    CalibrateReport report{job_.model.string(), cut_.id, job_.command, cut_.tensors, images_->size(), held_out_->size(), job_.views, {}, 0};
    for (const auto step : job_.steps) report.rates.push_back(fit_rate(step));
    report.seconds = (Clock::steady().now_us() - started_us) * 1e-6;
    return report;
  }

 private:
  const CutStatistics& statistics() {  // made on first use: a calibration that finds all its rates written needs none
    if (statistics_.activations.empty())
      statistics_ = collect_cut_statistics(
          *model_, cut_.tensors, images_,
          {.views = job_.views, .sensitivity = parse_sensitivity(job_.sensitivity), .batch_size = job_.batch_size, .seed = job_.seed});
    return statistics_;
  }

  [[nodiscard]] std::string name_of(int64_t step) const { return job_.name + "-q" + std::to_string(step); }
  [[nodiscard]] bool is_conv() const { return job_.family == "conv"; }

  [[nodiscard]] int64_t stride_of(const Shape& shape) const {
    if (job_.stride > 0) return job_.stride;
    return shape.size() == 4 && shape[1] * 4 <= kLargestPatch && shape[2] > 1 && shape[3] > 1 ? 2 : 1;
  }

  [[nodiscard]] transfer::Codec fit_tensor(size_t t, int64_t step) {
    const auto& activations = statistics().activations[t];
    ValueInfo info{cut_.tensors[t], t < cut_.dtypes.size() ? cut_.dtypes[t] : Dtype::kF32, activations[0].shape(), /*has_shape=*/true, {}};
    const transfer::FitContext context{
        info, graph_.opsets, graph_.ir_version, activations, statistics().gradients[t], feeds_partial_function(graph_, info.name)};
    if (t == fits_.size()) {
      const auto stride = stride_of(info.shape);
      fits_.push_back(std::make_unique<transfer::CodedKltRates>(context, stride, "klt-s" + std::to_string(stride)));
    }
    const auto codec = fits_[t]->codec(step);
    return is_conv() ? transfer::with_refinement(codec, context, job_.hidden, job_.seed) : codec;
  }

  /// What a folder has to hold to be kept.
  [[nodiscard]] std::string job_hash(int64_t step) const {
    const Json facts{model_sha256_,
                     cut_.tensors,
                     images_->identity(),
                     held_out_->identity(),
                     job_.stride,
                     job_.family,
                     job_.hidden,
                     step,
                     job_.views,
                     job_.augmentation.flip,
                     job_.augmentation.crop,
                     job_.augmentation.jitter,
                     job_.sensitivity,
                     job_.epochs,
                     job_.rate,
                     job_.patience,
                     job_.temperature,
                     job_.batch_size,
                     job_.seed,
                     vision::to_json(job_.input)};
    return sha256_hex(facts.dump());
  }

  CalibratedRate fit_rate(int64_t step) {
    transfer::FittedTl tl;
    tl.name = name_of(step);
    const auto folder = job_.output / tl.name;
    if (const auto known = known_rate(folder, step)) return *known;
    tl.model_sha256 = model_sha256_;
    tl.cut_id = cut_.id;
    tl.tensors = cut_.tensors;
    tl.command = job_.command;
    for (size_t t = 0; t < cut_.tensors.size(); ++t) tl.codecs.push_back(fit_tensor(t, step));
    CalibratedRate rate;
    rate.spec = "fit-" + tl.name;
    rate.folder = folder.string();
    rate.step = step;
    DecoderDistiller distiller(*model_, cut_.tensors, tl.codecs,
                               {.epochs = job_.epochs,
                                .rate = job_.rate,
                                .patience = job_.patience,
                                .temperature = job_.temperature,
                                .batch_size = job_.batch_size,
                                .seed = job_.seed,
                                .threads = job_.threads,
                                .encoder = is_conv(),
                                .what = tl.name});
    auto measured = distiller.measure(held_out_);
    rate.agreement_closed = measured.agreement;
    rate.bytes_closed = mean(measured.bytes);
    if (job_.epochs > 0) distiller.train(images_, held_out_, rate.best_epoch, rate.overfitted);
    if (rate.overfitted)
      log::warning("[calibrate] " + tl.name + ": the decoder fits its " + std::to_string(images_->size()) +
                   " images ever better and others worse; epoch " + std::to_string(rate.best_epoch) +
                   " is kept (0 is the closed form). More images would help");
    if (is_conv()) distiller.fit_coders(*images_);
    if (rate.best_epoch > 0 || is_conv()) measured = distiller.measure(held_out_);
    rate.agreement = measured.agreement;
    rate.divergence = measured.divergence;
    rate.interval = wilson_interval(measured.agreeing, measured.images);
    rate.bytes_mean = mean(measured.bytes);
    rate.bytes_p95 = percentile(measured.bytes, 95);
    tl.codecs = distiller.codecs();
    tl.note = "calibrated on " + std::to_string(images_->size()) + " images in " + std::to_string(job_.views) + " views";
    tl.record = {{"job", job_hash(step)}, {"rate", rate_json(rate)}};
    transfer::save_fitted(folder, tl);
    return rate;
  }

  static Json rate_json(const CalibratedRate& rate) {
    return {{"spec", rate.spec},
            {"folder", rate.folder},
            {"step", rate.step},
            {"bytes_mean", rate.bytes_mean},
            {"bytes_p95", rate.bytes_p95},
            {"bytes_closed", rate.bytes_closed},
            {"agreement_closed", rate.agreement_closed},
            {"agreement", rate.agreement},
            {"divergence", rate.divergence},
            {"agreement_interval", {rate.interval.low, rate.interval.high}},
            {"best_epoch", rate.best_epoch},
            {"overfitted", rate.overfitted}};
  }
  friend Json scissionlite::train::to_json(const CalibrateReport& report);

  /// Of a rate that an earlier run of the same job wrote.
  [[nodiscard]] std::optional<CalibratedRate> known_rate(const fs::path& folder, int64_t step) const {
    if (!fs::exists(folder / "tl.json")) return std::nullopt;
    try {
      const auto record = transfer::load_fitted(folder).record;
      const JsonReader reader(record, (folder / "tl.json").string());
      if (reader.text_or("job", "") != job_hash(step)) return std::nullopt;
      const auto r = reader.at("rate");
      const auto ends = r.at("agreement_interval").numbers();
      log::info("[calibrate] " + folder.string() + " is there already");
      return CalibratedRate{r.at("spec").text(),
                            folder.string(),
                            step,
                            r.at("bytes_mean").number(),
                            r.at("bytes_p95").number(),
                            r.at("bytes_closed").number(),
                            r.at("agreement_closed").number(),
                            r.at("agreement").number(),
                            r.at("divergence").number(),
                            {ends.at(0), ends.at(1)},
                            r.at("best_epoch").integer(),
                            r.boolean_or("overfitted", false)};
    } catch (const Error&) {  // damaged or of an older version: fitted again
      return std::nullopt;
    }
  }

  const CalibrateJob& job_;
  Graph graph_;
  std::string model_sha256_;
  Cut cut_;
  std::shared_ptr<const ImageFiles> images_, held_out_;
  std::unique_ptr<Module> model_;
  CutStatistics statistics_;
  std::vector<std::unique_ptr<transfer::CodedKltRates>> fits_;  // per tensor; what all rates share
};

}  // namespace

Json to_json(const CalibrateReport& report) {
  Json json{{"schema", "scissionlite.calibration/1"},
            {"model", report.model},
            {"cut", report.cut_id},
            {"tensors", report.tensors},
            {"images", report.images},
            {"held_out", report.held_out},
            {"views", report.views},
            {"seconds", report.seconds},
            {"command", report.command}};
  json["rates"] = Json::array();
  for (const auto& rate : report.rates) json["rates"].push_back(Calibration::rate_json(rate));
  return json;
}

CalibrateReport calibrate(const CalibrateJob& job) { return Calibration(job).run(); }

}  // namespace scissionlite::train
