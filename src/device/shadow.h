// Shadow runs: a sample of the images is answered by the uncut model too, here and in the background, and compared. So a device notices when what it
// sends no longer carries what decides: a transfer layer that was fitted to other pictures than the camera now takes.
//
// The uncut model is one more thing for a weak device to run. It runs on one thread of lowest priority, one image at a time; an image that comes
// while one waits is left out and counted.
#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/rng.h"
#include "base/stats.h"
#include "device/answer.h"
#include "device/counts.h"
#include "device/halves.h"
#include "score/metric.h"

namespace scissionlite::device {

struct ShadowOptions {
  fs::path model{};          // ONNX file of the uncut model
  std::string sha256{};      // of the uncut model, where the file is what a package made of it; "": that of the file
  std::string engine{};      // spec; "" = default
  double share = 0.01;       // of images
  double min_agreement = 0;  // a plan that is surely below it (99.9 %, kLeastImages at least) has drifted; 0: it is only watched
  double bar_us = 600e6;     // a drifted plan is not taken for so long, then twice as long, ...
  uint64_t seed = 1;         // of the sample
  Clock* clock = &Clock::steady();
};

/// Of the plan's last images that were compared, at most Shadow::kWindow.
struct PlanAgreement {
  std::string plan;  // candidate
  int64_t images = 0;
  double agreement = 0;      // mean
  Interval interval;         // 95 %
  int64_t compared = 0;      // since the start
  bool has_drifted = false;  // and is not taken now
};

/// What was answered and from what, to be compared later. One of `input`, `image`, `bytes` is set.
struct Shadowed {
  std::string name{}, plan{};
  Tensor input{};                                         // of the model
  std::optional<vision::Image> image{};                   // of the input's size
  std::string bytes{};                                    // an image file
  std::optional<int64_t> index{};                         // of the best class
  std::optional<bool> is_positive{};                      // where input.json has a decision
  std::string scores{};                                   // the uncut model's output of which both are
  std::vector<std::pair<std::string, Tensor>> outputs{};  // of models that are no classifiers, by the uncut model's names; owned
};

class Shadow {
 public:
  static constexpr size_t kWindow = 1000, kLeastImages = 20;

  /// Compiles the model on the thread that will run it. @throws what reading and compiling do.
  /// @param counts  told of each comparison; may be nullptr.
  Shadow(ShadowOptions options, vision::InputSpec input, std::shared_ptr<DeviceCounts> counts);
  ~Shadow();
  Shadow(const Shadow&) = delete;
  Shadow& operator=(const Shadow&) = delete;

  /// Identity of the model that answers are compared with.
  [[nodiscard]] const std::string& model_sha256() const { return model_sha256_; }
  [[nodiscard]] const ShadowOptions& options() const { return options_; }
  /// Whether the next image is of the sample.
  [[nodiscard]] bool draws();
  void offer(Shadowed image);
  [[nodiscard]] bool has_drifted(const std::string& plan) const;
  [[nodiscard]] std::vector<PlanAgreement> agreements() const;
  /// Images of the sample that found another one waiting.
  [[nodiscard]] int64_t left_out() const;
  /// Images that the model could not run on.
  [[nodiscard]] int64_t failures() const;
  /// Until what was offered is compared.
  void drain();

 private:
  struct Watched {
    std::deque<double> values;
    int64_t compared = 0;
    int drifts = 0;
    double barred_until_us = 0;
  };
  void work(std::promise<void> compiled);
  void compare(Half& model, const Shadowed& image);
  [[nodiscard]] double value_of(const Shadowed& image, const NamedTensors& reference) const;
  void note(const std::string& plan, double value);
  [[nodiscard]] static Interval interval_of(const Watched& watched);
  [[nodiscard]] static double upper_bound(const Watched& watched);

  ShadowOptions options_;
  vision::InputSpec input_;
  std::shared_ptr<DeviceCounts> counts_;
  std::string model_sha256_;
  std::unique_ptr<Metric> outputs_metric_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_, idle_;
  Rng rng_;
  std::optional<Shadowed> waiting_;
  bool is_comparing_ = false, is_stopping_ = false;
  std::map<std::string, Watched> watched_;
  int64_t left_out_ = 0, failures_ = 0;
  std::thread thread_;
};

}  // namespace scissionlite::device
