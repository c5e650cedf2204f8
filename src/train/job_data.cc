#include "train/job_data.h"

#include <algorithm>
#include <functional>
#include <mutex>

#include "base/cpu.h"
#include "base/log.h"
#include "base/progress.h"
#include "score/labels.h"
#include "score/parallel.h"
#include "train/hold_out.h"
#include "vision/labelled_files.h"

namespace scissionlite::train {
namespace {

/// Leaves the files that `is_kept` says, with their labels where there are any. @return how many went.
size_t keep_where(std::vector<fs::path>& files, std::vector<int64_t>& labels, const std::function<bool(size_t)>& is_kept) {
  size_t kept = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    if (!is_kept(i)) continue;
    files[kept] = files[i];
    if (!labels.empty()) labels[kept] = labels[i];
    ++kept;
  }
  const size_t gone = files.size() - kept;
  files.resize(kept);
  if (!labels.empty()) labels.resize(kept);
  return gone;
}

/// Of the files; those without a label go when there is no teacher to learn from either.
std::vector<int64_t> labels_of(const TrainJob& job, const vision::InputSpec& input, std::vector<fs::path>& files, int64_t classes) {
  if (job.labels.empty()) return {};
  auto labels = load_labels(job.labels, files, input, classes);
  if (!job.distill.teacher.empty()) return labels;
  const size_t all = files.size(), gone = keep_where(files, labels, [&](size_t i) { return labels[i] >= 0; });
  if (gone > 0) log::warning(std::to_string(gone) + " of " + std::to_string(all) + " images have no label and are left out");
  return labels;
}

/// Takes out files that are no images, with their labels. @return their messages.
std::vector<std::string> take_out_unreadable(const TrainJob& job, std::vector<fs::path>& files, std::vector<int64_t>& labels) {
  if (job.most_unreadable == 0) return {};  // the run stops at the first one it comes to
  std::vector<std::string> why(files.size());
  const int workers = job.trainer.threads > 0 ? job.trainer.threads : this_machine().cores;
  Progress bar("read images", static_cast<int64_t>(files.size()));
  std::mutex of_bar;
  parallel_for(static_cast<int64_t>(files.size()), workers, [&](int, int64_t i) {
    const auto at = static_cast<size_t>(i);
    try {
      static_cast<void>(vision::load_image(files[at]));
    } catch (const Error& error) {
      why[at] = "'" + files[at].string() + "': " + error.what();
    }
    const std::lock_guard lock(of_bar);
    bar.advance(1);
  });
  keep_where(files, labels, [&](size_t i) { return why[i].empty(); });
  std::erase(why, "");
  return why;
}

/// @throws InvalidArgument where there are too many of them.
void tell_unreadable(const TrainJob& job, const std::vector<std::string>& unreadable) {
  if (static_cast<int64_t>(unreadable.size()) > job.most_unreadable)
    throw InvalidArgument("[train] " + std::to_string(unreadable.size()) + " images cannot be read, more than the " + std::to_string(job.most_unreadable) + " of --most-unreadable; the first is " + unreadable[0]);
  for (const auto& one : unreadable) log::warning("left out: " + one);
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
  auto unreadable = take_out_unreadable(job, files.learned_from, labels);
  const auto of_held_out = take_out_unreadable(job, files.measured_on, held_out_labels);
  unreadable.insert(unreadable.end(), of_held_out.begin(), of_held_out.end());
  tell_unreadable(job, unreadable);
  return {std::make_shared<ImageFiles>(files.learned_from, std::move(labels), input, job.augmentation),
          std::make_shared<ImageFiles>(files.measured_on, std::move(held_out_labels), input, AugmentOptions{}), std::move(unreadable)};
}

}  // namespace scissionlite::train
