// Few bits for weights and activations: steps that fit given images, or training in which steps are learned with the weights. The job behind
// `scissionlite-train quantize`. Free of libtorch.
// Source: Esser et al., Learned Step Size Quantization, ICLR 2020 (arXiv 1902.08153).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compress/low_bit.h"
#include "train/train.h"

namespace scissionlite::train {

/// Bits of the layers whose names match; those not given stay as they were.
struct BitsRule {
  std::string glob;
  std::optional<int> weight_bits, activation_bits;
  std::optional<compress::Encoding> encoding;
};
/// "glob=w2a4", "glob=w1", "glob=a8", with an encoding behind it: "glob=w2a4:bipolar". @throws InvalidArgument saying what is wrong with it.
[[nodiscard]] BitsRule bits_rule(const std::string& text);

/// Bits that layers may get.
struct BitsCandidate {
  int weight_bits = 8, activation_bits = 8;
  bool operator==(const BitsCandidate&) const = default;
};
/// "w2a4". @throws InvalidArgument saying what was expected.
[[nodiscard]] BitsCandidate bits_candidate(const std::string& text);
/// The inverse.
[[nodiscard]] std::string bits_text(const BitsCandidate& bits);

struct QuantiseJob {
  TrainJob train;  // 0 epochs: without gradients; the float model is the teacher by default
  int weight_bits = 2, activation_bits = 2, residual_bits = 8, first_last_bits = 8;
  std::optional<compress::Encoding> encoding;  // of weights but those of the first and the last layer; default: usual_encoding
  std::vector<BitsRule> rules;                 // after all of these, in order
  fs::path plan;                               // JSON (docs/formats.md) in place of them; empty: none
  std::vector<BitsCandidate>
      search;  // bits to choose from for each layer that is neither the first nor the last nor named by a rule; empty: no choice
  std::optional<double> latency_us;   // with search: of a run in the engine `native` here, with the trainer's threads
  std::optional<int64_t> size_bytes;  // with search, in place of latency_us: of all weights
  bool one_step_a_layer = false;      // for weights; else one an output
  std::vector<int> progressive;       // bits of stages before the last, which has the plan's: falling
  int64_t calibration_images = 256;   // that steps and statistics are fitted to
  bool keeps_bytes = false;           // weights of few bits stay bytes in the file, unpacked
  fs::path report;                    // JSON; empty: none
};

struct QuantisedLayer {
  compress::LayerBits bits;
  std::string op_type;
  int64_t weights = 0, outputs = 0;
  int64_t constant_outputs = 0, clipped_biases = 0;  // as of WrittenLayer
};
/// What was measured for --search, and what was chosen.
struct BitSearchReport {
  struct Option {
    BitsCandidate bits;
    double divergence = 0, us = 0;  // us is 0 where bytes are the budget
    int64_t bytes = 0;              // of its weights
  };
  struct Layer {
    std::string name;
    std::vector<Option> options;
    BitsCandidate chosen;
  };
  std::vector<Layer> layers;
  std::optional<double> predicted_us, measured_us;  // of a run; measured of the model that was written
  std::optional<int64_t> predicted_bytes;           // of all weights
};
struct QuantiseReport {
  std::vector<QuantisedLayer> layers;
  std::vector<std::string> notes;         // what stays float32 or has other bits than asked for, and why
  int64_t float_bits = 0, size_bits = 0;  // of all constants, before and after
  int64_t file_bytes = 0;                 // of the model that was written
  // Share of right held-out answers, or of agreement with the teacher where there are no labels: the float model, steps fitted without gradients, the
  // trained network, and the model written, as the engine `native` computes it.
  std::optional<double> before, post_training, after, written;
  double agreement = 0;           // share of held-out images (at most 1000) to which the written model and the trained network give the same answer
  double largest_difference = 0;  // of their answers, relative
  struct Stage {
    int bits = 0;  // 0: the plan's
    TrainReport training;
  };
  std::vector<Stage> stages;
  std::optional<BitSearchReport> search;
};
[[nodiscard]] Json to_json(const QuantiseReport& report);

/// Writes a model of QuantizeLinear, DequantizeLinear and Clip (docs/low_bits.md). A checkpoint FILE has one beside it for each stage before the
/// last, FILE.stage1, ... @throws as train_model; Unsupported: a quantised or a float16 model, an operator that does not go to opset 13;
/// InvalidArgument: no layer that can be quantised (says why of each), bits out of range, a pattern that matches no layer, values that are not
/// finite, fewer epochs than stages.
QuantiseReport quantise(const QuantiseJob& job);

}  // namespace scissionlite::train
