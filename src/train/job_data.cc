#include "train/job_data.h"

#include <algorithm>

#include "base/log.h"
#include "score/labels.h"
#include "train/hold_out.h"
#include "vision/labelled_files.h"

namespace scissionlite::train {
namespace {

/// Of the files; those without a label go when there is no teacher to learn from either.
std::vector<int64_t> labels_of(const TrainJob& job, const vision::InputSpec& input, std::vector<fs::path>& files, int64_t classes) {
  if (job.labels.empty()) return {};
  auto labels = load_labels(job.labels, files, input, classes);
  if (!job.distill.teacher.empty()) return labels;
  size_t kept = 0;
  for (size_t i = 0; i < files.size(); ++i)
    if (labels[i] >= 0) {
      files[kept] = files[i];
      labels[kept++] = labels[i];
    }
  if (kept < files.size())
    log::warning(std::to_string(files.size() - kept) + " of " + std::to_string(files.size()) + " images have no label and are left out");
  files.resize(kept);
  labels.resize(kept);
  return labels;
}

/// All files hold their labels, or none does.
bool hold_labels(const std::vector<fs::path>& files) {
  const auto count = std::count_if(files.begin(), files.end(), vision::is_labelled_file);
  if (count > 0 && count < static_cast<int64_t>(files.size()))
    throw InvalidArgument("[train] " + std::to_string(count) + " of " + std::to_string(files.size()) + " files hold labelled pictures (CIFAR's .bin, IDX), the others do not; give files of one kind");
  return count > 0;
}

std::shared_ptr<const Dataset> read_pictures(const std::vector<fs::path>& files, const vision::InputSpec& input, const AugmentOptions& augmentation, int64_t classes) {
  vision::LabelledImages all;
  for (const auto& file : files) {
    auto part = vision::read_labelled(file);
    for (const auto label : part.labels)
      if (label >= classes)
        throw InvalidArgument("[train] '" + file.string() + "' has class " + std::to_string(label) + ", which is beyond the " + std::to_string(classes) + " outputs of the model");
    all.images.insert(all.images.end(), std::make_move_iterator(part.images.begin()), std::make_move_iterator(part.images.end()));
    all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
  }
  return std::make_shared<Pictures>(std::move(all.images), std::move(all.labels), input, augmentation);
}

JobData load_labelled(const TrainJob& job, const vision::InputSpec& input, int64_t classes) {
  if (!job.labels.empty()) throw InvalidArgument("[train] CIFAR's and IDX files hold their labels; leave --labels out");
  if (job.held_out.empty() || !hold_labels(job.held_out))
    throw InvalidArgument("[train] CIFAR's and IDX files are not divided; give another one to measure on with --held-out");
  return {read_pictures(job.images, input, job.augmentation, classes), read_pictures(job.held_out, input, {}, classes)};
}

}  // namespace

JobData load_data(const TrainJob& job, const vision::InputSpec& input, int64_t classes) {
  if (hold_labels(job.images)) return load_labelled(job, input, classes);
  auto files = hold_out(job.images, job.held_out, job.holdout, "train");
  auto labels = labels_of(job, input, files.learned_from, classes), held_out_labels = labels_of(job, input, files.measured_on, classes);
  return {std::make_shared<ImageFiles>(files.learned_from, std::move(labels), input, job.augmentation),
          std::make_shared<ImageFiles>(files.measured_on, std::move(held_out_labels), input, AugmentOptions{})};
}

}  // namespace scissionlite::train
