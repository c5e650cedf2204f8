#include "train/rare/rare_plan.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "collective/mpi.h"
#include "train/data/class_names.h"
#include "train/network/classifier.h"
#include "train/train_graph.h"

namespace scissionlite::train {

RarePlan::RarePlan(const RareJob& job) : job_(job) {
  check_job(job.train);
  check_batches();
  input = job.train.input;
  graph = load_model(job.train.model);
  vision::check_fits(input, graph, job.train.model.string());
  if (job.train.classes != 0 || classes_of(graph) != 2) {
    input.labels = {"negative", "positive"};
    graph = with_new_classes(graph, 2, job.train.trainer.seed, input, /*gives_logits=*/true);
  } else {
    keep_classes();
  }
  data = load_two_classes(job.train, job.positive, job.own_images);
  if (job.own_images || rank_under_mpi() == 0) log::info("images " + data.classes);
  which_ = labelled(*data.train);
  if (job.keep_positives > 0) keep_positives();
  held_out = labelled(*data.held_out);
  held_out_positives = TwoClasses(data.held_out, {1}, held_out).positives();
  if (!job.own_images) check_both_classes("held-out images", static_cast<int64_t>(held_out.size()), held_out_positives);
  set_identity();
}

/// Output 1 is the positive class, whichever it was of the model that is begun with.
void RarePlan::keep_classes() {
  static const std::vector<std::string> kTrained{"negative", "positive"};
  if (input.labels == kTrained) return;
  ClassNames names(job_.train.input);
  std::set<int64_t> positive;
  for (const auto& one : job_.positive) positive.insert(names.of(one, "--positive"));
  const bool has_names = input.labels.size() == 2;
  input.label_offset = 0;
  if (positive == std::set<int64_t>{0}) {
    try {
      graph = with_classes_swapped(graph);
      log::info("the model's output 0" + (has_names ? " (" + input.labels[0] + ")" : "") +
                " is the positive class; its two outputs change places, so that output 1 is");
    } catch (const Unsupported& error) { log::warning(std::string(error.what()) + "; training begins with answers that mean the other class"); }
    if (has_names) std::swap(input.labels[0], input.labels[1]);
  } else if (positive != std::set<int64_t>{1}) {
    input.labels = kTrained;
    return;
  }
  if (!has_names) input.labels = kTrained;
}

std::vector<int64_t> RarePlan::part(int rank, int members) const {
  if (job_.own_images) return which_;
  return divide(which_, two_classes(which_).is_positive(), members, job_.skew, job_.train.trainer.seed)[static_cast<size_t>(rank)];
}

int64_t RarePlan::positives_in_batch() const {
  return job_.positives_in_batch == 0
             ? 0
             : std::clamp<int64_t>(std::llround(job_.positives_in_batch * static_cast<double>(job_.train.batch_size)), 1, job_.train.batch_size - 1);
}

CodaOptions RarePlan::coda(int64_t images, int members) const {
  const auto& trainer = job_.train.trainer;
  double of_stages = 0;
  for (int64_t s = 0; s < job_.stages; ++s) of_stages += std::pow(job_.growth, static_cast<double>(s));
  const double steps = static_cast<double>(trainer.epochs * images) / static_cast<double>(job_.train.batch_size * members);
  const int64_t first = job_.stage_steps > 0 ? job_.stage_steps : std::llround(steps / std::max(1.0, of_stages));
  if (first < 1)
    throw InvalidArgument("[train] " + std::to_string(trainer.epochs) + " epochs are " + std::to_string(std::llround(steps)) +
                          " steps of each member, fewer than the " + std::to_string(std::llround(of_stages)) + " that " +
                          std::to_string(job_.stages) + " stages take at least; give more --epochs, fewer --stages, or --stage-steps");
  return {.stages = job_.stages,
          .first_steps = first,
          .growth = job_.growth,
          .rate = trainer.schedule.rate,
          .window = job_.window,
          .proximity = job_.proximity,
          .averages_iterates = job_.averages_iterates,
          .optimizer = trainer.optimizer,
          .clip_norm = trainer.clip_norm,
          .has_control_variates = job_.has_control_variates,
          .round_momentum = job_.round_momentum,
          .packing = job_.packing};
}

void RarePlan::check_batches() const {
  const std::pair<const char*, double> numbers[] = {{"--lr", job_.train.trainer.schedule.rate},
                                                    {"--clip-norm", job_.train.trainer.clip_norm},
                                                    {"--momentum", job_.train.trainer.optimizer.momentum},
                                                    {"--round-momentum", job_.round_momentum},
                                                    {"--weight-decay", job_.train.trainer.optimizer.weight_decay},
                                                    {"--margin", job_.margin},
                                                    {"--entropy", job_.entropy},
                                                    {"--focus", job_.focus},
                                                    {"--growth", job_.growth},
                                                    {"--proximity", job_.proximity},
                                                    {"--skew", job_.skew},
                                                    {"--keep-positives", job_.keep_positives},
                                                    {"--most-false-alarms", job_.threshold.most_false_alarms},
                                                    {"--positive-rate", job_.threshold.positive_rate}};
  for (const auto& [name, value] : numbers)
    if (!std::isfinite(value))
      throw InvalidArgument(std::string("[train] ") + name + " is " + (std::isnan(value) ? "no number" : "infinite") + "; expected a finite one");
  if (job_.own_images && job_.workers > 1) throw InvalidArgument("[train] --own-images are a process' own: under mpirun, not with --workers");
  if (job_.workers < 1) throw InvalidArgument("[train] " + std::to_string(job_.workers) + " workers; expected at least 1");
  if (!(job_.positives_in_batch >= 0 && job_.positives_in_batch < 1))
    throw InvalidArgument("[train] " + format_fixed(100 * job_.positives_in_batch, 1) +
                          " % of a batch cannot be positive; expected 0 (as they come) to less than 100");
  if (job_.positives_in_batch > 0 && job_.train.batch_size < 2)
    throw InvalidArgument("[train] a batch of " + std::to_string(job_.train.batch_size) +
                          " has no room for a positive and a negative image; give --batch 2 or more");
}

void RarePlan::keep_positives() {
  which_ = with_positive_share(which_, two_classes(which_).is_positive(), job_.keep_positives, job_.train.trainer.seed);
  const auto kept = two_classes(which_);
  for (int64_t i = 0; i < kept.size(); ++i)
    if (kept.label(i) == 1) kept_positives.push_back(kept.name(i));
}

void RarePlan::set_identity() {
  identity = identity_of(job_.train, data);
  identity.update({{"objective", {job_.objective, job_.margin, job_.entropy, job_.focus}},
                   {"positive", job_.positive},
                   {"positives_in_batch", job_.positives_in_batch},
                   {"keep_positives", job_.keep_positives},
                   {"skew", job_.skew},
                   {"stages", {job_.stages, job_.stage_steps, job_.growth}},
                   {"window", job_.window},
                   {"proximity", job_.proximity},
                   {"averages_iterates", job_.averages_iterates},
                   {"control_variates", job_.has_control_variates},
                   {"packing", job_.packing == Packing::kNone ? Json(0) : Json{static_cast<int>(job_.packing), "statistics as they are"}}});
  if (job_.round_momentum > 0) identity["round_momentum"] = job_.round_momentum;  // checkpoints without it are of runs without it
  images_sha256 = identity.at("images");
  options = {{"lr", job_.train.trainer.schedule.rate},
             {"clip_norm", job_.train.trainer.clip_norm},
             {"measure_steps", job_.measure_steps},
             {"checkpoint", !job_.train.trainer.checkpoint.empty()}};
  for (const char* key : {"schedule", "clip_norm"}) identity.erase(key);  // a run whose loss is no number any more goes on at a lower rate
  if (!job_.own_images) return;
  for (const char* key : {"images", "held_out", "labels"}) identity.erase(key);  // members take each other's states
}

}  // namespace scissionlite::train
