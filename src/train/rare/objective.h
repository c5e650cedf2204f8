// What training minimises where images are positive or negative: cross-entropy and its weighted forms, or the area under the ROC curve as a minimum
// and a maximum. Private to train/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "train/network/module.h"

namespace scissionlite::train {

struct ObjectiveOptions {
  double positive_rate = 0.5;  // of the batches
  double margin = 1;           // auc: that positives are to be ahead by, of scores between 0 and 1
  double entropy = 0;          // auc: weight of cross-entropy beside it
  double focus = 2;            // focal: exponent of what is still wrong
};

/// Of batches whose score is the difference of two logits.
class Objective {
 public:
  virtual ~Objective() = default;
  /// A scalar. @param logit  (n): of the positive class less that of the negative one. @param is_positive  (n) of 0 and 1.
  [[nodiscard]] virtual torch::Tensor loss(const torch::Tensor& logit, const torch::Tensor& is_positive) = 0;
  /// What is learned beside the model, towards a lower or towards a higher loss.
  [[nodiscard]] virtual Values minimised() const { return {}; }
  [[nodiscard]] virtual Values maximised() const { return {}; }
  /// Begins anew with what the scores (sigmoids of logits) of positives and of negatives are in the mean.
  virtual void restart(double mean_of_positives, double mean_of_negatives) { (void)mean_of_positives, (void)mean_of_negatives; }
  /// Likewise before the first step of all.
  virtual void begin(double mean_of_positives, double mean_of_negatives) { restart(mean_of_positives, mean_of_negatives); }
};

/// @param name  of objectives.inc. @throws InvalidArgument naming near ones; a positive rate that is not between 0 and 1.
[[nodiscard]] std::unique_ptr<Objective> make_objective(const std::string& name, const ObjectiveOptions& options);
[[nodiscard]] std::vector<std::string> objective_names();

}  // namespace scissionlite::train
