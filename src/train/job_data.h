// The data of a training job. Free of libtorch.
#pragma once

#include <memory>

#include "train/data/dataset.h"
#include "train/train.h"

namespace scissionlite::train {

struct JobData {
  std::shared_ptr<const Dataset> train, held_out;
  std::vector<std::string> unreadable{};  // files that were left out
  std::string classes{};                  // of load_two_classes: which there were, and how many images have them
};
/// Image files with --labels, or files that hold labelled pictures (vision/labelled_files.h).
/// @param input    in place of the job's. @param classes  that the model answers.
/// @throws InvalidArgument: labels beyond the classes, files of both kinds, labelled pictures with labels beside them, more unreadable images than
/// the job takes.
[[nodiscard]] JobData load_data(const TrainJob& job, const vision::InputSpec& input, int64_t classes);
/// The same with label 1 for images of the positive classes and 0 for others, whatever classes the model answers (class_names.h).
/// @param positive  classes by number or name. @param is_own  other members have images of their own, which may have classes that are missing here.
/// @throws InvalidArgument too: a class that no image learned from has, or beyond the labels of the job's input.json.
[[nodiscard]] JobData load_two_classes(const TrainJob& job, const std::vector<std::string>& positive, bool is_own);

}  // namespace scissionlite::train
