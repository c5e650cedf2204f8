#include "train/loop/trainer.h"

#include <cmath>
#include <filesystem>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "train/tensors/convert.h"

namespace scissionlite::train {

/// Where the run is: all that a checkpoint holds beside tensors.
struct Trainer::Progress {
  int64_t epoch = 0, batch = 0;  // next to do
  int64_t steps = 0;             // done in all
  double loss_sum = 0;           // of this epoch, over examples
  int64_t examples = 0;
  std::vector<EpochRecord> records;
  int64_t best_epoch = -1;
  double best_score = 0;
  Values best;  // the state of the best epoch
};

namespace {

Values with_prefix(const std::string& prefix, const Values& values) {
  Values out;
  for (const auto& [name, tensor] : values) out[prefix + name] = tensor;
  return out;
}

/// Those under a prefix, without it.
Values below(const std::string& prefix, const Values& values) {
  Values out;
  for (auto it = values.lower_bound(prefix); it != values.end() && it->first.rfind(prefix, 0) == 0; ++it)
    out[it->first.substr(prefix.size())] = it->second;
  return out;
}

Values copies(const Values& values) {
  Values out;
  for (const auto& [name, tensor] : values) out[name] = tensor.detach().clone();
  return out;
}

Dtype dtype_of(const torch::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kFloat: return Dtype::kF32;
    case torch::kDouble: return Dtype::kF64;
    case torch::kByte: return Dtype::kU8;
    default: throw InternalError("[checkpoint] a tensor of a type that is not saved");
  }
}

std::string loss_text(double loss) { return "loss " + format_fixed(loss, 4); }

/// A run that is killed while it writes leaves a file under another name behind.
void remove_partial_files(const fs::path& checkpoint) {
  const auto start = checkpoint.filename().string() + ".partial-";
  std::error_code error;
  for (fs::directory_iterator it(fs::absolute(checkpoint).parent_path(), error), end; !error && it != end; it.increment(error))
    if (it->path().filename().string().rfind(start, 0) == 0) fs::remove(it->path(), error);
}

}  // namespace

void use_threads(int threads) { at::set_num_threads(threads > 0 ? threads : this_machine().cores); }

Trainer::Trainer(Module& module, const TrainerOptions& options, Values more, Values kept)
    : module_(module),
      options_(options),
      more_(std::move(more)),
      kept_(std::move(kept)),
      optimizer_(options.optimizer, merged(module.trained(), with_prefix("more/", more_))) {
  (void)learning_rate(options_.schedule, 0, 1, 1);  // refuses what it does not know
}

Values Trainer::everything() const {
  return merged(with_prefix("value/", module_.state()), merged(with_prefix("more/", more_), with_prefix("kept/", kept_)));
}

/// Puts back what `everything` gave.
void Trainer::put_back(const Values& values) {
  module_.load_state(below("value/", values));
  torch::NoGradGuard guard;
  for (auto& [name, tensor] : more_) tensor.copy_(values.at("more/" + name));
  for (auto& [name, tensor] : kept_) tensor.copy_(values.at("kept/" + name));
}

void Trainer::save(const Progress& progress) const {
  Checkpoint out;
  out.header = {{"identity", options_.identity},     {"epoch", progress.epoch},           {"batch", progress.batch},
                {"steps", progress.steps},           {"loss_sum", progress.loss_sum},     {"examples", progress.examples},
                {"best_epoch", progress.best_epoch}, {"best_score", progress.best_score}, {"records", Json::array()}};
  for (const auto& record : progress.records) out.header["records"].push_back(to_json(record));
  auto tensors = merged(everything(), merged(with_prefix("optimizer/", optimizer_.state()), with_prefix("best/", progress.best)));
  auto generator = at::detail::getDefaultCPUGenerator();
  tensors["random"] = generator.get_state();
  for (const auto& [name, tensor] : tensors) out.tensors[name] = from_torch(tensor, dtype_of(tensor));
  write_checkpoint(options_.checkpoint, out);
}

void Trainer::load(Progress& progress) {
  remove_partial_files(options_.checkpoint);
  const auto saved = read_checkpoint(options_.checkpoint);
  const JsonReader header(saved.header, options_.checkpoint.string());
  check_same_run(header.at("identity").raw(), options_.identity, options_.checkpoint.string());
  progress = {header.at("epoch").integer(),      header.at("batch").integer(),     header.at("steps").integer(),
              header.at("loss_sum").number(),    header.at("examples").integer(),  {},
              header.at("best_epoch").integer(), header.at("best_score").number(), {}};
  for (const auto& record : header.at("records").elements()) progress.records.push_back(epoch_from_json(record));
  Values tensors;
  for (const auto& [name, tensor] : saved.tensors) tensors[name] = to_torch(tensor, tensor.dtype() == Dtype::kF64 ? torch::kDouble : torch::kFloat);
  put_back(tensors);
  torch::NoGradGuard guard;
  optimizer_.load_state(below("optimizer/", tensors));
  progress.best = below("best/", tensors);
  auto generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(tensors.at("random"));
}

double Trainer::step(const Batch& batch, const Loss& loss, const Progress& at, const Step& made) {
  optimizer_.zero_gradients();
  const auto value = loss(batch);
  const double number = value.detach().item<double>();
  const auto where = "epoch " + std::to_string(at.epoch + 1) + ", batch " + std::to_string(at.batch + 1);
  if (!std::isfinite(number))
    throw InvalidArgument("[train] the loss is not finite in " + where + " at learning rate " + std::to_string(made.rate) +
                          "; train with a lower --lr, or with --clip-norm 1");
  value.backward();
  if (after_backward_) after_backward_();
  const double norm = optimizer_.clip(options_.clip_norm);
  if (!std::isfinite(norm)) throw InvalidArgument("[train] the gradient is not finite in " + where + "; train with a lower --lr");
  optimizer_.step(made.rate, made.number);
  if (after_step_) {
    torch::NoGradGuard guard;
    after_step_(made);
  }
  return number;
}

void Trainer::close_epoch(Progress& progress, const Evaluate& evaluate, double rate, double seconds) {
  EpochRecord record{progress.epoch, progress.examples > 0 ? progress.loss_sum / static_cast<double>(progress.examples) : 0, rate, 0, Json::object(),
                     seconds};
  if (evaluate) {
    torch::NoGradGuard guard;
    const bool updates = module_.options().update_statistics;
    module_.set_update_statistics(false);
    const auto result = evaluate();
    module_.set_update_statistics(updates);
    record.score = result.score;
    record.metrics = result.metrics;
    log::info("epoch " + std::to_string(progress.epoch) + ": " + loss_text(record.loss) + ", held out " + result.metrics.dump());
  }
  const bool better = progress.best_epoch < 0 || record.score > progress.best_score;
  if (evaluate && better) {
    progress.best_epoch = progress.epoch;
    progress.best_score = record.score;
    if (options_.keep_best) progress.best = copies(everything());
  }
  progress.records.push_back(std::move(record));
}

TrainResult Trainer::run(const Loader& data, const Loss& loss, const Evaluate& evaluate) {
  use_threads(options_.threads);
  torch::manual_seed(options_.seed);
  Progress progress;
  TrainResult result;
  if (!options_.checkpoint.empty() && fs::exists(options_.checkpoint)) {
    load(progress);
    result.resumed = true;
    log::info("going on from '" + options_.checkpoint.string() + "' at epoch " + std::to_string(progress.epoch + 1) + ", batch " +
              std::to_string(progress.batch + 1));
  } else if (evaluate) {
    close_epoch(progress, evaluate, 0, 0);
  }
  const int64_t per_epoch = data.batches(), total = options_.epochs * per_epoch;
  scissionlite::Progress bar("train", total - progress.steps);
  double saved_us = Clock::steady().now_us();
  int64_t done_here = 0;
  const auto out_of_patience = [&] { return options_.patience > 0 && evaluate && progress.epoch - progress.best_epoch >= options_.patience; };
  while (progress.epoch < options_.epochs && !out_of_patience()) {
    const double started_us = Clock::steady().now_us();
    double rate = 0;
    const auto reader = data.epoch(progress.epoch, progress.batch);
    while (const auto batch = reader->next()) {
      rate = learning_rate(options_.schedule, progress.steps, total, per_epoch);
      const double value = step(*batch, loss, progress, {rate, progress.steps + 1, total, per_epoch});
      progress.loss_sum += value * static_cast<double>(batch->size());
      progress.examples += batch->size();
      ++progress.batch;
      ++progress.steps;
      bar.advance(1, "epoch " + std::to_string(progress.epoch + 1) + "/" + std::to_string(options_.epochs) + " " +
                         loss_text(progress.loss_sum / static_cast<double>(progress.examples)));
      if (!options_.checkpoint.empty() && Clock::steady().now_us() - saved_us > options_.checkpoint_seconds * 1e6) {
        save(progress);
        saved_us = Clock::steady().now_us();
      }
      if (options_.stop_after_steps > 0 && ++done_here == options_.stop_after_steps) {
        if (!options_.checkpoint.empty()) save(progress);
        result.finished = false;
        result.epochs = progress.records;
        return result;
      }
    }
    ++progress.epoch;
    close_epoch(progress, evaluate, rate, (Clock::steady().now_us() - started_us) * 1e-6);
    progress.batch = 0;
    progress.loss_sum = 0;
    progress.examples = 0;
    if (!options_.checkpoint.empty()) save(progress);
    saved_us = Clock::steady().now_us();
  }
  result.stopped_early = progress.epoch < options_.epochs;
  result.best_epoch = progress.epoch;
  if (options_.keep_best && !progress.best.empty()) {
    put_back(progress.best);
    result.best_epoch = progress.best_epoch;
  }
  result.epochs = progress.records;
  return result;
}

}  // namespace scissionlite::train
