#include "score/measure.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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
bool is_score_list(const Shape& shape) {
  return std::count_if(shape.begin(), shape.end(), [](int64_t size) { return size != 1; }) <= 1;
}

/// (classes): the answer itself where it is a distribution, else its softmax, so that images can be compared.
std::vector<float> class_probabilities(const Tensor& answer) {
  const auto scores = answer.to_f32();
  std::vector<float> out(scores.as<float>().begin(), scores.as<float>().end());
  const float sum = std::accumulate(out.begin(), out.end(), 0.0F);
  constexpr float kRounding = 0.02F;  // of quantised outputs
  if (std::all_of(out.begin(), out.end(), [](float v) { return v >= 0; }) && std::abs(sum - 1) <= kRounding) return out;
  const float largest = *std::max_element(out.begin(), out.end());
  for (float& v : out) v = std::exp(v - largest);
  const float whole = std::accumulate(out.begin(), out.end(), 0.0F);
  for (float& v : out) v /= whole;
  return out;
}

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
    log::warning("[score] the first output has shape " + to_string(first.shape()) +
                 ", which is no list of class scores: top1 compares only where its largest "
                 "value lies. For detectors and segmenters take --metric cosine or 'cmd:PROGRAM'");
  if (metric_->spec() == "top1" && first.size() == 1)
    log::warning(
        "[score] the model answers one number, which is always the largest: top1 cannot tell answers apart. Take --metric cosine or 'cmd:PROGRAM'");
  if (options.labels.empty()) return;
  labels_ = load_labels(options.labels, images_, options.input, first.size());
  if (first.size() > 1 && first.size() <= kMostAucClasses) classes_ = first.size();
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
  if (classes_ > 0) tally.probabilities[i] = class_probabilities(answer[0]);
}

double Workbench::label_auc(const Tally& tally) const {
  std::vector<double> areas;
  for (int64_t c = 0; c < classes_; ++c) {
    std::vector<double> positives, negatives;
    for (size_t i = 0; i < labels_.size(); ++i)
      if (labels_[i] >= 0) (labels_[i] == c ? positives : negatives).push_back(tally.probabilities[i].at(static_cast<size_t>(c)));
    if (const double area = area_under_roc(positives, negatives); !std::isnan(area)) areas.push_back(area);
  }
  return areas.empty() ? -1 : mean(areas);
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
  score.label_auc = label_auc(tally);
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
