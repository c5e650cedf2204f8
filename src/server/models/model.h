// A loaded version of a model: what it expects, its executables behind a queue, its counters.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "server/models/forwarder.h"
#include "server/models/joints.h"
#include "server/models/stream_decoder.h"
#include "server/queueing/batcher.h"
#include "vision/input_spec.h"

namespace inference {
class ModelConfig;
}

namespace scissionlite::server {

struct TensorInfo {
  std::string name;
  Dtype dtype = Dtype::kUndefined;
  Shape shape;                             // with the batch (-1) in front where the model batches
  std::shared_ptr<StreamDecoder> decoder;  // of an input that may come entropy-coded; else null
};

/// What requests are checked against.
struct ModelInterface {
  std::string name, version;
  int64_t max_batch = 0;  // 0: the model does not batch
  std::vector<TensorInfo> inputs, outputs;
  std::optional<vision::InputSpec> image;                  // of input 0, when the model's folder has an input.json
  std::string sha256;                                      // of the served file
  std::map<std::string, std::vector<std::string>> labels;  // of classes, by output: what the config's label_filename names
  std::string plan;                                        // candidate that the model was prepared for, as its manifest says; "" without one
};

struct ModelOptions {
  std::string engine;  // spec; "" = default
  int threads = 0;     // an executable; 0 = all cores
  size_t queue_size = 256;
  int64_t queue_age_ns = 0;                     // longest that a request waits; 0: no limit
  int64_t hang_ns = BatchingOptions{}.hang_ns;  // a run longer than this hangs
  ForwardOptions forward{};                     // of models that are the middle of three
  std::shared_ptr<Joints> joints{};             // nullptr: every model is run by itself
};

/// What the server asks a model itself, to know that it can infer now.
struct SelfProbe {
  std::atomic<int64_t> asked_ns{0};  // of the question that has no answer yet; 0: none
  std::atomic<bool> has_failed{false};
  std::atomic<uint64_t> executions{0};  // of requests, when it was asked
  std::atomic<int64_t> took_ns{0};      // the last answer
};

/// A run that has not ended keeps its model: whoever lets go of one that hangs does not wait for it.
class Model : public std::enable_shared_from_this<Model> {
 public:
  /// Reads `folder`/`version`/model.onnx, compiles it once an instance and runs it once, so that loaded means able to infer.
  /// @param config  as read_config gives it. @throws what check_config, load_model and compile throw; InvalidArgument when the manifest's hash is not
  /// that of the file.
  [[nodiscard]] static std::shared_ptr<Model> load(const fs::path& folder, int64_t version, const inference::ModelConfig& config,
                                                   const ModelOptions& options);
  ~Model();

  [[nodiscard]] const ModelInterface& interface() const { return interface_; }
  [[nodiscard]] const inference::ModelConfig& config() const { return *config_; }
  [[nodiscard]] const EngineInfo& engine() const { return engine_; }
  [[nodiscard]] Statistics& statistics() { return *statistics_; }
  [[nodiscard]] Batcher& batcher() { return *batcher_; }
  /// What the results are given to; nullptr where they are the answers.
  [[nodiscard]] NextStage* next() { return forwarder_ ? static_cast<NextStage*>(forwarder_.get()) : joint_.get(); }
  /// Where that is another machine.
  [[nodiscard]] Forwarder* forwarder() { return forwarder_.get(); }
  /// Where that is what this model and others end with.
  [[nodiscard]] const std::shared_ptr<Joint>& joint() const { return joint_; }
  /// Has the engine answer zeros, where no request did since the last call; never waits. Models with unknown sizes are not asked.
  void probe();
  /// Ends what waits or runs and cannot be answered any more.
  void tell_dead();
  /// The same, and probes: only while nothing is asked, every few seconds, and for a hundredth of the time. Call it from one thread, a few times a
  /// second.
  void look_after();
  /// Whether it can infer now: no run hangs, and the last probe was answered.
  [[nodiscard]] bool can_infer() const;
  /// Whether it can answer: it can infer, and of a middle the cloud or the copy of its tail can.
  [[nodiscard]] bool is_ready() const { return can_infer() && (!forwarder_ || forwarder_->is_ready()); }

 private:
  Model();
  void probe_when_idle();
  ModelInterface interface_;
  EngineInfo engine_;
  std::unique_ptr<inference::ModelConfig> config_;
  std::shared_ptr<Statistics> statistics_ = std::make_shared<Statistics>();
  std::unique_ptr<Forwarder> forwarder_;  // outlives the batcher, whose last runs still use it
  std::shared_ptr<Joint> joint_;          // the same
  std::unique_ptr<Batcher> batcher_;
  int64_t hang_ns_ = 0;
  int64_t probe_due_ns_ = 0;
  std::shared_ptr<SelfProbe> probe_ = std::make_shared<SelfProbe>();  // an answer may come after the model's end
};

}  // namespace scissionlite::server
