// What a student and its teacher answer to a batch, the loss of a job, and how good the student is. Private to train/.
#pragma once

#include <string>
#include <vector>

#include "train/loop/trainer.h"
#include "train/network/module.h"
#include "train/train.h"

namespace scissionlite::train {

/// The student's and the teacher's passes over a batch.
class Pass {
 public:
  /// @param given    the student's value that batches hold: its input, or what a frozen head gave.
  /// @param teacher  nullptr: none, or its answers come with the batches. All are kept by reference.
  /// @param more     further values of the student that are given with each batch.
  Pass(Module& student, std::string given, Module* teacher, const TrainJob& job, Values more = {});

  struct Answers {
    torch::Tensor loss, logits, teacher_logits;
  };
  [[nodiscard]] Answers operator()(const Batch& batch);

 private:
  /// Pairs of inner values that are compared.
  struct Feature {
    std::string student, teacher;
  };
  static std::vector<Feature> read_features(const std::vector<std::string>& texts);
  void ask_teacher(const torch::Tensor& input, Answers& out);
  void add_teacher(const Values& values, Answers& out) const;

  Module& student_;
  std::string given_;
  Module* teacher_;
  const TrainJob& job_;
  std::vector<Feature> features_;
  std::vector<std::string> wanted_, wanted_of_teacher_;
  std::string logits_, teacher_logits_;
  Values teacher_values_, more_;
};

/// Loss, accuracy where there are labels, agreement where there is a teacher. @pre labels or a teacher.
[[nodiscard]] Evaluation evaluate(Pass& pass, const Loader& data);

}  // namespace scissionlite::train
