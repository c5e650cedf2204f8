#include "train/rare.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "collective/threads.h"
#include "onnx/onnx.h"
#include "train/classifier.h"
#include "train/coda.h"
#include "train/convert.h"
#include "train/loss.h"
#include "train/train_graph.h"
#include "train/two_classes.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kAnyClass = 1 << 20;

std::vector<char> positives_of(const Dataset& images, const std::vector<int64_t>& which, const std::vector<int64_t>& positive) {
  std::vector<char> out;
  for (const auto index : which) out.push_back(std::find(positive.begin(), positive.end(), images.label(index)) != positive.end());
  return out;
}

/// What all members know before they begin.
struct Plan {
  Graph graph;
  JobData data;
  std::vector<std::vector<int64_t>> parts;  // of the images learned from, by member
  std::vector<int64_t> held_out;
  int64_t positives_in_batch = 0;           // 0: as they come
  double positive_rate = 0;
  CodaOptions coda;

  explicit Plan(const RareJob& job) {
    check_job(job.train);
    if (job.workers < 1) throw InvalidArgument("[train] " + std::to_string(job.workers) + " workers; expected at least 1");
    auto input = job.train.input;
    graph = load_model(job.train.model);
    vision::check_fits(input, graph, job.train.model.string());
    if (job.train.classes != 0 || classes_of(graph) != 2) {
      graph = with_classes(graph, 2, job.train.trainer.seed);
      input.label_offset = 0, input.labels = {"negative", "positive"};
      graph.metadata[vision::kInputMetadataKey] = vision::to_json(input).dump();
    }
    data = load_data(job.train, job.train.input, kAnyClass);
    auto which = labelled(*data.train, job.positive);
    if (job.keep_positives > 0) which = with_positive_share(which, positives_of(*data.train, which, job.positive), job.keep_positives, job.train.trainer.seed);
    held_out = labelled(*data.held_out, job.positive);
    const auto is_positive = positives_of(*data.train, which, job.positive);
    parts = divide(which, is_positive, job.workers, job.skew, job.train.trainer.seed);
    set_batches(job, static_cast<double>(std::count(is_positive.begin(), is_positive.end(), 1)) / static_cast<double>(which.size()));
    set_coda(job, static_cast<int64_t>(which.size()));
  }

 private:
  void set_batches(const RareJob& job, double rate_of_images) {
    if (!(job.positives_in_batch >= 0 && job.positives_in_batch < 1)) throw InvalidArgument("[train] " + format_fixed(100 * job.positives_in_batch, 1) + " % of a batch cannot be positive; expected 0 (as they come) to less than 100");
    positive_rate = rate_of_images;
    if (job.positives_in_batch == 0) return;
    positives_in_batch = std::clamp<int64_t>(std::llround(job.positives_in_batch * static_cast<double>(job.train.batch_size)), 1, job.train.batch_size - 1);
    if (job.train.batch_size < 2) throw InvalidArgument("[train] a batch of " + std::to_string(job.train.batch_size) + " has no room for a positive and a negative image; give --batch 2 or more");
    positive_rate = static_cast<double>(positives_in_batch) / static_cast<double>(job.train.batch_size);
  }
  void set_coda(const RareJob& job, int64_t images) {
    const auto& trainer = job.train.trainer;
    double of_stages = 0;
    for (int64_t s = 0; s < job.stages; ++s) of_stages += std::pow(job.growth, static_cast<double>(s));
    const double steps = static_cast<double>(trainer.epochs * images) / static_cast<double>(job.train.batch_size * job.workers);
    const int64_t first = job.stage_steps > 0 ? job.stage_steps : std::max<int64_t>(1, std::llround(steps / std::max(1.0, of_stages)));
    coda = {.stages = job.stages, .first_steps = first, .growth = job.growth, .rate = trainer.schedule.rate, .window = job.window, .proximity = job.proximity, .averages_iterates = job.averages_iterates, .optimizer = trainer.optimizer,
            .clip_norm = trainer.clip_norm};
  }
};

int64_t count_values(const Values& values) {
  int64_t count = 0;
  for (const auto& [name, tensor] : values) count += tensor.numel();
  return count;
}

/// One member's run.
class Member {
 public:
  Member(const RareJob& job, const Plan& plan, Collective& members)
      : job_(job),
        plan_(plan),
        members_(members),
        module_(plan.graph, {.update_statistics = job.train.update_statistics}),
        objective_(make_objective(job.objective, {.positive_rate = plan.positive_rate, .margin = job.margin, .focus = job.focus})),
        mine_(std::make_shared<TwoClasses>(plan.data.train, job.positive, plan.parts[static_cast<size_t>(members.rank())])),
        logits_(logits_value(plan.graph)) {
    use_threads(std::max(1, (job.train.trainer.threads > 0 ? job.train.trainer.threads : this_machine().cores) / members.size()));
    module_.train({job.train.train, job.train.freeze, {}, ""});
  }

  /// @param report  filled by rank 0.
  void run(RareReport& report) {
    const auto seed = job_.train.trainer.seed + static_cast<uint64_t>(members_.rank()) * 1000003;
    LoaderOptions options{.batch_size = job_.train.batch_size, .seed = seed};
    if (plan_.positives_in_batch > 0) options.order = balanced_order(mine_->is_positive(), options.batch_size, plan_.positives_in_batch, seed);
    const Loader loader(mine_, options);
    Stream data(loader);
    started_us_ = Clock::steady().now_us();
    measure({}, report);
    std::optional<Progress> bar;
    if (members_.rank() == 0) bar.emplace("train", total_steps());
    Coda coda(module_, *objective_, members_, plan_.coda);
    coda.run(data, [&](const Batch& batch) { return logit(batch); }, [&](const CodaProgress& at) {
      if (bar) bar->advance(at.step - shown_, "stage " + std::to_string(at.stage) + " loss " + format_fixed(at.loss, 4));
      shown_ = at.step;
      if (at.ends_stage || (job_.measure_steps > 0 && at.step >= measured_ + job_.measure_steps)) measure(at, report);
      return true;
    });
    if (members_.rank() != 0) return;
    report.exchanged = members_.counts();
    report.training.parameters_trained = static_cast<int64_t>(module_.trained().size()), report.training.values_trained = count_values(module_.trained()), report.training.parameters = static_cast<int64_t>(module_.parameters().size());
    report.operation = choose_threshold(scored_, job_.threshold), report.curve = operations(scored_);
    write(report);
  }

 private:
  [[nodiscard]] int64_t total_steps() const {
    double steps = static_cast<double>(plan_.coda.first_steps), sum = 0;
    for (int64_t s = 0; s < plan_.coda.stages; ++s, steps *= plan_.coda.growth) sum += std::round(steps);
    return static_cast<int64_t>(sum);
  }
  torch::Tensor logit(const Batch& batch) {
    const auto logits = module_.run({{module_.graph().inputs.at(0).name, to_torch(batch.input, torch::kFloat)}}, {logits_}).at(logits_).flatten(1);
    return logits.select(1, 1) - logits.select(1, 0);
  }

  /// Each member scores a part of the held-out images; all scores meet.
  void measure(const CodaProgress& at, RareReport& report) {
    torch::NoGradGuard guard;
    const bool updates = module_.options().update_statistics;
    module_.set_update_statistics(false);
    std::vector<int64_t> part;
    for (size_t i = static_cast<size_t>(members_.rank()); i < plan_.held_out.size(); i += static_cast<size_t>(members_.size())) part.push_back(plan_.held_out[i]);
    std::vector<Scored> mine;
    if (!part.empty()) {
      const Loader loader(std::make_shared<TwoClasses>(plan_.data.held_out, job_.positive, part), {.batch_size = job_.train.batch_size, .shuffle = false, .augment = false});
      const auto reader = loader.epoch(0);
      while (const auto batch = reader->next()) {
        const auto scores = at::sigmoid(logit(*batch)).contiguous();
        for (int64_t i = 0; i < batch->size(); ++i) mine.push_back({scores.data_ptr<float>()[i], batch->labels[static_cast<size_t>(i)] == 1});
      }
    }
    module_.set_update_statistics(updates);
    scored_.clear();
    for (const auto& bytes : members_.gather({reinterpret_cast<const char*>(mine.data()), mine.size() * sizeof(Scored)})) {
      const auto* from = reinterpret_cast<const Scored*>(bytes.data());
      scored_.insert(scored_.end(), from, from + bytes.size() / sizeof(Scored));
    }
    measured_ = at.step;
    if (members_.rank() != 0) return;
    const auto auc = auc_of(scored_);
    report.measures.push_back({at.stage, at.step, at.rounds, at.rate, at.loss, (Clock::steady().now_us() - started_us_) * 1e-6, auc});
    log::info((at.stage == 0 ? std::string("before training") : "stage " + std::to_string(at.stage) + ", step " + std::to_string(at.step) + ", round " + std::to_string(at.rounds) + ": loss " + format_fixed(at.loss, 4)) + ", held-out AUC " +
              format_fixed(auc.value, 4) + " (" + format_fixed(auc.low, 4) + " to " + format_fixed(auc.high, 4) + ")");
  }

  void write(const RareReport& report) {
    auto graph = module_.export_graph();
    graph.metadata[kDecisionMetadataKey] = Json{{"positive", 1}, {"threshold", report.operation.threshold}}.dump();
    save_model(graph, job_.train.output);
  }

  const RareJob& job_;
  const Plan& plan_;
  Collective& members_;
  Module module_;
  std::unique_ptr<Objective> objective_;
  std::shared_ptr<const TwoClasses> mine_;
  std::string logits_;
  std::vector<Scored> scored_;
  double started_us_ = 0;
  int64_t shown_ = 0, measured_ = 0;
};

void note_members(RareReport& report) {
  for (size_t rank = 0; rank < report.positives.size(); ++rank)
    if (report.positives[rank] == 0)
      report.notes.push_back("member " + std::to_string(rank) + " has no positive image among its " + std::to_string(report.images[rank]) + "; it learns from negative ones, and the others teach it what a positive one is");
  for (const auto& note : report.notes) log::warning(note);
}

}  // namespace

Json to_json(const RareReport& report) {
  Json out = to_json(report.training);
  for (const char* key : {"epochs", "best_epoch", "resumed", "stopped_early"}) out.erase(key);
  out["schema"] = "scissionlite.rare_training/1";
  out["members"] = Json::array();
  for (size_t rank = 0; rank < report.images.size(); ++rank) out["members"].push_back({{"images", report.images[rank]}, {"positives", report.positives[rank]}});
  out["notes"] = report.notes;
  out["positive_rate"] = report.positive_rate;
  out["exchanged"] = {{"rounds", report.exchanged.rounds}, {"bytes_sent", report.exchanged.bytes_sent}, {"bytes_received", report.exchanged.bytes_received}, {"seconds", report.exchanged.seconds}};
  out["measures"] = Json::array();
  for (const auto& one : report.measures) out["measures"].push_back({{"stage", one.stage}, {"step", one.step}, {"rounds", one.rounds}, {"rate", one.rate}, {"loss", one.loss}, {"seconds", one.seconds}, {"auc", to_json(one.auc)}});
  out["operation"] = to_json(report.operation);
  out["curve"] = Json::array();
  for (const auto& one : report.curve)
    if (std::isfinite(one.threshold)) out["curve"].push_back({one.threshold, one.recall, one.false_alarms, one.precision});
  return out;
}

RareReport train_rare(const RareJob& job) {
  const double started_us = Clock::steady().now_us();
  if (!job.report.empty()) check_writable(job.report);
  const Plan plan(job);
  RareReport report;
  report.training.model = job.train.model.string(), report.training.output = job.train.output.string(), report.training.command = job.train.command;
  report.training.held_out = static_cast<int64_t>(plan.held_out.size());
  report.positive_rate = plan.positive_rate;
  for (const auto& part : plan.parts) {
    const TwoClasses images(plan.data.train, job.positive, part);
    report.images.push_back(images.size()), report.positives.push_back(images.positives());
    report.training.images += images.size();
  }
  note_members(report);
  run_in_threads(job.workers, job.wait_s, [&](Collective& members) { Member(job, plan, members).run(report); });
  report.training.seconds = (Clock::steady().now_us() - started_us) * 1e-6;
  if (!job.report.empty()) write_file(job.report, to_json(report).dump(2) + "\n");
  return report;
}

}  // namespace scissionlite::train
