// What a profile is made of, as tasks: each prepares a few things to time (compiles slices, encodes images) and names them.
// Private to profile/.
#pragma once

#include <map>
#include <memory>

#include "profile/measure_model.h"
#include "profile/partial.h"
#include "profile/timed_streams.h"
#include "score/scores.h"
#include "transfer/transfer.h"

namespace scissionlite::profiling {

struct Task {
  std::vector<std::string> names;                  // of the timings that it gives, in order
  double bytes = 0;                                // memory while it is being measured, estimated
  std::function<std::vector<MeasureItem>()> make;  // one item a name
};

/// Names of timings: the keys of the partial file.
inline std::string head_name(const std::string& cut, const std::string& tl = "") { return "head/" + cut + (tl.empty() ? "" : "/" + tl); }
inline std::string tail_name(const std::string& cut, const std::string& tl = "") { return "tail/" + cut + (tl.empty() ? "" : "/" + tl); }
inline std::string encode_name(const std::string& cut, const std::string& tl) { return "encode/" + cut + "/" + tl; }
inline std::string decode_name(const std::string& cut, const std::string& tl) { return "decode/" + cut + "/" + tl; }
inline std::string wire_name(const std::string& cut, const std::string& tl) { return "wire/" + cut + "/" + tl; }
inline std::string varies_name(const std::string& cut, const std::string& tl) { return "varies/" + cut + "/" + tl; }
inline std::string block_name(size_t index) { return "block/" + std::to_string(index); }

/// Slices of one model on one engine. Outlives the tasks it gives.
class SliceTasks {
 public:
  /// Compiles the whole model. @param inputs  of one image each, the first for timing, all for fitting TLs.
  SliceTasks(const Graph& model, const ProfileOptions& options, std::vector<Tensor> inputs);
  /// Where the wire's sizes are noted as they become known.
  void note_sizes_in(PartialTimings& store) { store_ = &store; }
  [[nodiscard]] const EngineInfo& engine_info() const { return whole_->info(); }
  [[nodiscard]] int64_t input_bytes() const { return static_cast<int64_t>(inputs_[0].size_bytes()); }
  [[nodiscard]] int64_t output_bytes() const { return output_bytes_; }
  [[nodiscard]] int64_t answer_bytes() const { return answer_bytes_; }

  [[nodiscard]] Task whole();
  [[nodiscard]] Task halves(const Cut& cut);
  /// Fits nothing, times nothing: notes the size of what crosses plainly.
  void note_plain(const Cut& cut) { (void)split(cut, std::string(kUnchangedTl)); }
  [[nodiscard]] Task tl_alone(const Cut& cut, const std::string& tl);
  [[nodiscard]] Task halves_with_tl(const Cut& cut, const std::string& tl);
  /// Between two single-tensor cuts; nullptr: the model's input or output.
  [[nodiscard]] Task block(size_t index, const Cut* begin, const Cut* end);

 private:
  using Shared = std::shared_ptr<Executable>;
  [[nodiscard]] Shared compile_slice(const Graph& graph) const;
  [[nodiscard]] std::vector<Tensor> crossing(const Cut& cut);
  [[nodiscard]] const transfer::SplitModel& split(const Cut& cut, const std::string& tl);
  [[nodiscard]] std::vector<std::vector<Tensor>> samples(const Cut& cut);
  /// @param written, read  entropy coders of outputs and inputs, whose work is timed too.
  [[nodiscard]] MeasureItem run_item(const std::string& name, Shared executable, std::vector<Tensor> inputs, const CodeModels& written = {},
                                     const CodeModels& read = {}) const;

  const Graph model_;
  const ProfileOptions& options_;
  PartialTimings* store_ = nullptr;
  std::unique_ptr<Backend> backend_;
  std::vector<Tensor> inputs_;  // of one image each
  Shared whole_;
  int64_t output_bytes_ = 0, answer_bytes_ = 0;
  double weight_bytes_ = 0;
  std::map<std::string, std::unique_ptr<transfer::SplitModel>> splits_;  // by cut and TL: fitting one twice costs a second
  std::pair<std::string, std::vector<std::vector<Tensor>>> samples_;     // of the cut last asked for
  std::pair<std::string, std::vector<Tensor>> crossing_;                 // likewise
};

/// Decoding, geometry, values and image codecs, over the profile's images in turn.
class ImageTasks {
 public:
  explicit ImageTasks(const ProfileOptions& options);
  [[nodiscard]] std::vector<Task> tasks();
  /// Mean bytes of an image by codec.
  [[nodiscard]] std::map<std::string, int64_t> bytes() const;
  /// Inputs of the model, one an image, at most `most`.
  [[nodiscard]] std::vector<Tensor> model_inputs(size_t most) const;

 private:
  const ProfileOptions& options_;
  double slow_;
  std::vector<std::string> files_;  // their bytes
  std::vector<vision::Image> images_, crops_;
  std::map<std::string, std::vector<std::string>> encoded_;  // by codec
};

}  // namespace scissionlite::profiling
