// What the measuring of edge and split candidates shares: workers, reference answers, tallies.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/progress.h"
#include "engine/engine.h"
#include "graph/cuts.h"
#include "score/metric.h"
#include "score/score.h"

namespace scissionlite {

/// One executable a worker thread, so that images are measured side by side.
class ExecutablePool {
 public:
  ExecutablePool(const Graph& graph, const std::string& engine, int workers, int threads_each);
  [[nodiscard]] std::vector<Tensor> run(int worker, std::span<const Tensor> inputs) const {
    return executables_[static_cast<size_t>(worker)]->run(inputs);
  }

 private:
  std::vector<std::unique_ptr<Executable>> executables_;
};

/// Per-image results of one candidate.
struct Tally {
  std::vector<double> metric, bytes;
  std::vector<char> label_hit;                    // 1 = right, 0 = wrong, -1 = no label
  std::vector<std::vector<float>> probabilities;  // (images, classes), where AUC is wanted
  explicit Tally(size_t images) : metric(images), bytes(images), label_hit(images, -1), probabilities(images) {}
};

/// The images to score with their input tensors and reference answers, computed on first use and kept up to 1 GiB.
class Workbench {
 public:
  struct Sample {
    Tensor input;
    std::vector<Tensor> answer;  // of the uncut model
  };
  Workbench(const Graph& model, const ScoreOptions& options, std::vector<fs::path> images);

  [[nodiscard]] const Sample& sample(int worker, int64_t image, Sample& scratch);
  /// Notes how `answer` compares with the reference.
  void judge(int64_t image, const Sample& sample, std::span<const Tensor> answer, double bytes, Tally& tally) const;
  [[nodiscard]] Score summarise(const std::string& candidate, const Tally& tally, const std::string& note) const;
  /// Runs `body` for every image on all workers and advances the progress bar by `steps` each.
  void for_each_image(int64_t steps, const std::string& note, const std::function<void(int worker, int64_t image)>& body);
  [[nodiscard]] ExecutablePool pool(const Graph& graph) const { return {graph, options_.engine, workers_, threads_each_}; }
  [[nodiscard]] int workers() const { return workers_; }
  [[nodiscard]] const ExecutablePool& whole() const { return whole_; }
  [[nodiscard]] const std::vector<fs::path>& images() const { return images_; }
  [[nodiscard]] const ScoreOptions& options() const { return options_; }
  void start_progress(int64_t candidates);

 private:
  Sample compute(int worker, int64_t image) const;
  [[nodiscard]] double label_auc(const Tally& tally) const;  // -1 where it has no meaning
  const ScoreOptions& options_;
  std::vector<fs::path> images_;
  int workers_, threads_each_;
  ExecutablePool whole_;
  std::unique_ptr<Metric> metric_;
  std::vector<int64_t> labels_;  // (images), -1 = none; empty without labels
  int64_t classes_ = 0;          // that AUC is taken over; 0: it is not wanted
  std::vector<std::unique_ptr<Sample>> kept_;
  int64_t kept_bytes_ = 0;
  std::mutex mutex_;
  std::unique_ptr<Progress> progress_;
};

/// Measures edge candidates of these codecs.
[[nodiscard]] std::vector<Score> score_edge(Workbench& bench, const std::vector<std::string>& codecs);

/// Fits and measures TLs at one cut.
/// @param fit_images  what TLs are fitted on.
[[nodiscard]] std::vector<Score> score_cut(Workbench& bench, const Graph& model, const Cut& cut, const std::vector<std::string>& tls,
                                           const std::vector<fs::path>& fit_images);

}  // namespace scissionlite
