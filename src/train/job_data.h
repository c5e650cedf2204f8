// The data of a training job. Free of libtorch.
#pragma once

#include <memory>

#include "train/dataset.h"
#include "train/train.h"

namespace scissionlite::train {

struct JobData {
  std::shared_ptr<const Dataset> train, held_out;
  std::vector<std::string> unreadable{};  // files that were left out
};
/// Image files with --labels, or files that hold labelled pictures (vision/labelled_files.h).
/// @param input    in place of the job's. @param classes  that the model answers.
/// @throws InvalidArgument: labels beyond the classes, files of both kinds, labelled pictures with labels beside them or without
/// others to measure on, more unreadable images than the job takes.
[[nodiscard]] JobData load_data(const TrainJob& job, const vision::InputSpec& input, int64_t classes);

}  // namespace scissionlite::train
