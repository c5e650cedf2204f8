#include "train/rare_plan.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "collective/mpi.h"
#include "train/classifier.h"
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
    graph = with_new_classes(graph, 2, job.train.trainer.seed, input);
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

std::vector<int64_t> RarePlan::part(int rank, int members) const {
  if (job_.own_images) return which_;
  return divide(which_, two_classes(which_).is_positive(), members, job_.skew, job_.train.trainer.seed)[static_cast<size_t>(rank)];
}

int64_t RarePlan::positives_in_batch() const {
  return job_.positives_in_batch == 0 ? 0 : std::clamp<int64_t>(std::llround(job_.positives_in_batch * static_cast<double>(job_.train.batch_size)), 1, job_.train.batch_size - 1);
}

CodaOptions RarePlan::coda(int64_t images, int members) const {
  const auto& trainer = job_.train.trainer;
  double of_stages = 0;
  for (int64_t s = 0; s < job_.stages; ++s) of_stages += std::pow(job_.growth, static_cast<double>(s));
  const double steps = static_cast<double>(trainer.epochs * images) / static_cast<double>(job_.train.batch_size * members);
  const int64_t first = job_.stage_steps > 0 ? job_.stage_steps : std::llround(steps / std::max(1.0, of_stages));
  if (first < 1) throw InvalidArgument("[train] " + std::to_string(trainer.epochs) + " epochs are " + std::to_string(std::llround(steps)) + " steps of each member, fewer than the " + std::to_string(std::llround(of_stages)) + " that " +
                                       std::to_string(job_.stages) + " stages take at least; give more --epochs, fewer --stages, or --stage-steps");
  return {.stages = job_.stages, .first_steps = first, .growth = job_.growth, .rate = trainer.schedule.rate, .window = job_.window, .proximity = job_.proximity, .averages_iterates = job_.averages_iterates, .optimizer = trainer.optimizer,
          .clip_norm = trainer.clip_norm, .has_control_variates = job_.has_control_variates, .packing = job_.packing};
}

void RarePlan::check_batches() const {
  if (job_.own_images && job_.workers > 1) throw InvalidArgument("[train] --own-images are a process' own: under mpirun, not with --workers");
  if (job_.workers < 1) throw InvalidArgument("[train] " + std::to_string(job_.workers) + " workers; expected at least 1");
  if (!(job_.positives_in_batch >= 0 && job_.positives_in_batch < 1)) throw InvalidArgument("[train] " + format_fixed(100 * job_.positives_in_batch, 1) + " % of a batch cannot be positive; expected 0 (as they come) to less than 100");
  if (job_.positives_in_batch > 0 && job_.train.batch_size < 2) throw InvalidArgument("[train] a batch of " + std::to_string(job_.train.batch_size) + " has no room for a positive and a negative image; give --batch 2 or more");
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
                   {"packing", static_cast<int>(job_.packing)}});
  images_sha256 = identity.at("images");
  options = {{"lr", job_.train.trainer.schedule.rate}, {"clip_norm", job_.train.trainer.clip_norm}, {"measure_steps", job_.measure_steps}};
  for (const char* key : {"schedule", "clip_norm"}) identity.erase(key);  // a run whose loss is no number any more goes on at a lower rate
  if (!job_.own_images) return;
  for (const char* key : {"images", "held_out", "labels"}) identity.erase(key);  // members take each other's states
}

}  // namespace scissionlite::train
