#include "score/measure.h"

#include <algorithm>
#include <cmath>

#include "base/cpu.h"
#include "base/log.h"
#include "base/text.h"
#include "score/labels.h"
#include "score/parallel.h"
#include "vision/vision.h"

namespace scissionlite {
namespace {

constexpr int64_t kKeptBytes = int64_t{1} << 30;
constexpr int kMostWorkers = 8;  // each holds the model's weights

int thread_count(const ScoreOptions& options) { return options.threads > 0 ? options.threads : this_machine().cores; }
int worker_count(const ScoreOptions& options, size_t images) {
  return std::max(1, std::min({thread_count(options), kMostWorkers, static_cast<int>(images)}));
}

/// One class after the other: no two sizes above 1.
bool is_score_list(const Shape& shape) { return std::count_if(shape.begin(), shape.end(), [](int64_t size) { return size != 1; }) <= 1; }

int64_t bytes_of(const Workbench::Sample& sample) {
  auto bytes = static_cast<int64_t>(sample.input.size_bytes());
  for (const auto& output : sample.answer) bytes += static_cast<int64_t>(output.size_bytes());
  return bytes;
}

}  // namespace

ExecutablePool::ExecutablePool(const Graph& graph, const std::string& engine, int workers, int threads_each) {
  // Compiled for each worker: clones of one executable may share its threads.
  for (int i = 0; i < workers; ++i) executables_.push_back(compile(graph, engine, {.threads = threads_each}));
}

Workbench::Workbench(const Graph& model, const ScoreOptions& options, std::vector<fs::path> images)
    : options_(options),
      images_(std::move(images)),
      workers_(worker_count(options, images_.size())),
      threads_each_(std::max(1, thread_count(options) / workers_)),
      whole_(model, options.engine, workers_, threads_each_),
      metric_(make_metric(options.metric)),
      kept_(images_.size()) {
  Sample scratch;
  const auto& first = sample(0, 0, scratch).answer.at(0);
  if (metric_->spec() == "top1" && !is_score_list(first.shape()))
    log::warning("[score] the first output has shape " + to_string(first.shape()) + ", which is no list of class scores: top1 compares only where its largest "
                 "value lies. For detectors and segmenters take --metric cosine or 'cmd:PROGRAM'");
  if (!options.labels.empty()) labels_ = load_labels(options.labels, images_, options.input, first.size());
}

Workbench::Sample Workbench::compute(int worker, int64_t image) const {
  Sample out;
  const auto& path = images_[static_cast<size_t>(image)];
  out.input = vision::preprocess(vision::load_image(path), options_.input);
  for (const auto& output : whole_.run(worker, {&out.input, 1})) out.answer.push_back(output.clone());
  for (const auto& output : out.answer)
    for (const float v : output.to_f32().as<float>())
      if (std::isnan(v)) throw InvalidArgument("[score] the model answers NaN for '" + path.string() + "'; check input.json and the model");
  return out;
}

const Workbench::Sample& Workbench::sample(int worker, int64_t image, Sample& scratch) {
  auto& slot = kept_[static_cast<size_t>(image)];
  if (slot) return *slot;  // each image is handed to one worker at a time, so its slot needs no lock
  scratch = compute(worker, image);
  const std::lock_guard lock(mutex_);
  if (kept_bytes_ + bytes_of(scratch) > kKeptBytes) return scratch;
  kept_bytes_ += bytes_of(scratch);
  slot = std::make_unique<Sample>(scratch);
  return *slot;
}

void Workbench::judge(int64_t image, const Sample& sample, std::span<const Tensor> answer, double bytes, Tally& tally) const {
  const auto i = static_cast<size_t>(image);
  tally.metric[i] = metric_->compare(sample.answer, answer);
  tally.bytes[i] = bytes;
  if (!labels_.empty() && labels_[i] >= 0) tally.label_hit[i] = top1(answer[0]) == labels_[i] ? 1 : 0;
}

Score Workbench::summarise(const std::string& candidate, const Tally& tally, const std::string& note) const {
  Score score;
  score.candidate = candidate;
  score.agreement = std::clamp(mean(tally.metric), 0.0, 1.0);
  score.interval = metric_->interval(tally.metric);
  score.n = static_cast<int64_t>(tally.metric.size());
  score.bytes_mean = mean(tally.bytes);
  score.bytes_p95 = percentile(tally.bytes, 95);
  const auto labelled = std::count_if(tally.label_hit.begin(), tally.label_hit.end(), [](char hit) { return hit >= 0; });
  const auto right = std::count(tally.label_hit.begin(), tally.label_hit.end(), char{1});
  if (labelled > 0) score.label_accuracy = static_cast<double>(right) / static_cast<double>(labelled);
  score.note = note;
  return score;
}

void Workbench::start_progress(int64_t candidates) {
  progress_ = std::make_unique<Progress>("scoring", candidates * static_cast<int64_t>(images_.size()));
}

void Workbench::for_each_image(int64_t steps, const std::string& note, const std::function<void(int, int64_t)>& body) {
  parallel_for(static_cast<int64_t>(images_.size()), workers_, [&](int worker, int64_t image) {
    while_doing("scoring '" + images_[static_cast<size_t>(image)].string() + "'", [&] { body(worker, image); });
    const std::lock_guard lock(mutex_);
    if (progress_) progress_->advance(steps, note);
  });
}

}  // namespace scissionlite
