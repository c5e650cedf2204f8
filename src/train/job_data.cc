#include "train/job_data.h"

#include <algorithm>
#include <functional>
#include <mutex>

#include "base/cpu.h"
#include "base/log.h"
#include "base/progress.h"
#include "score/labels.h"
#include "score/parallel.h"
#include "train/data/class_names.h"
#include "train/data/hold_out.h"
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

/// What labels stand for.
class Meaning {
 public:
  virtual ~Meaning() = default;
  /// Of files, as load_labels.
  [[nodiscard]] virtual std::vector<int64_t> load(const std::string& source, const std::vector<fs::path>& files) = 0;
  /// Of a number in a file that holds labels. @throws InvalidArgument: none that can be.
  [[nodiscard]] virtual int64_t of_number(int64_t label, const fs::path& file) = 0;
  /// Once all images are known that are used. @return what there is to tell of them.
  virtual std::string end(std::vector<int64_t>& learned_from, std::vector<int64_t>& held_out) { return (void)learned_from, (void)held_out, ""; }
};

/// Outputs of the model.
class OfOutputs final : public Meaning {
 public:
  OfOutputs(const vision::InputSpec& input, int64_t outputs) : input_(input), outputs_(outputs) {}
  [[nodiscard]] std::vector<int64_t> load(const std::string& source, const std::vector<fs::path>& files) override {
    return load_labels(source, files, input_, outputs_);
  }
  [[nodiscard]] int64_t of_number(int64_t label, const fs::path& file) override {
    if (label >= outputs_)
      throw InvalidArgument("[train] '" + file.string() + "' has class " + std::to_string(label) + ", which is beyond the " +
                            std::to_string(outputs_) + " outputs of the model");
    return label;
  }

 private:
  const vision::InputSpec& input_;
  int64_t outputs_;
};

/// Positive or negative.
class OfTwo final : public Meaning {
 public:
  OfTwo(const vision::InputSpec& input, const std::vector<std::string>& positive, bool is_own) : classes_(input, positive), is_own_(is_own) {}
  [[nodiscard]] std::vector<int64_t> load(const std::string& source, const std::vector<fs::path>& files) override {
    return load_labels(source, files, [&](const std::string& label, const std::string& where) { return classes_.names().of(label, where); });
  }
  [[nodiscard]] int64_t of_number(int64_t label, const fs::path& file) override { return classes_.names().of(std::to_string(label), file.string()); }
  std::string end(std::vector<int64_t>& learned_from, std::vector<int64_t>& held_out) override {
    return classes_.reduce(learned_from, held_out, is_own_);
  }

 private:
  PositiveClasses classes_;
  bool is_own_;
};

/// Of the files; those without a label go when there is no teacher to learn from either.
std::vector<int64_t> labels_of(const TrainJob& job, Meaning& meaning, std::vector<fs::path>& files) {
  if (job.labels.empty()) return {};
  auto labels = meaning.load(job.labels, files);
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
    } catch (const Error& error) { why[at] = "'" + files[at].string() + "': " + error.what(); }
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
    throw InvalidArgument("[train] " + std::to_string(unreadable.size()) + " images cannot be read, more than the " +
                          std::to_string(job.most_unreadable) + " of --most-unreadable; the first is " + unreadable[0]);
  for (const auto& one : unreadable) log::warning("left out: " + one);
}

/// All files hold their labels, or none does.
bool hold_labels(const std::vector<fs::path>& files) {
  const auto count = std::count_if(files.begin(), files.end(), vision::is_labelled_file);
  if (count > 0 && count < static_cast<int64_t>(files.size()))
    throw InvalidArgument("[train] " + std::to_string(count) + " of " + std::to_string(files.size()) +
                          " files hold labelled pictures (CIFAR's .bin, IDX), the others do not; give files of one kind");
  return count > 0;
}

vision::LabelledImages read_pictures(const std::vector<fs::path>& files, Meaning& meaning) {
  vision::LabelledImages all;
  for (const auto& file : files) {
    auto part = vision::read_labelled(file);
    for (const auto label : part.labels) all.labels.push_back(meaning.of_number(label, file));
    all.images.insert(all.images.end(), std::make_move_iterator(part.images.begin()), std::make_move_iterator(part.images.end()));
  }
  return all;
}

HeldOutPictures divided_pictures(const TrainJob& job, Meaning& meaning) {
  if (job.held_out.empty()) return hold_out(read_pictures(job.images, meaning), job.holdout, "train");
  if (!hold_labels(job.held_out))
    throw InvalidArgument("[train] '" + job.held_out[0].string() +
                          "' is held out of labelled pictures (CIFAR's .bin, IDX), and is none of them; give files of one kind");
  for (const auto& file : job.images)
    for (const auto& other : job.held_out)
      if (fs::weakly_canonical(file) == fs::weakly_canonical(other))
        throw InvalidArgument("[train] '" + file.string() + "' is held out too; what is measured on is never learned from");
  return {read_pictures(job.images, meaning), read_pictures(job.held_out, meaning)};
}

JobData load_labelled(const TrainJob& job, const vision::InputSpec& input, Meaning& meaning) {
  if (!job.labels.empty()) throw InvalidArgument("[train] CIFAR's and IDX files hold their labels; leave --labels out");
  auto [train, held_out] = divided_pictures(job, meaning);
  auto classes = meaning.end(train.labels, held_out.labels);
  return {std::make_shared<Pictures>(std::move(train.images), std::move(train.labels), input, job.augmentation),
          std::make_shared<Pictures>(std::move(held_out.images), std::move(held_out.labels), input, AugmentOptions{}),
          {},
          std::move(classes)};
}

JobData load(const TrainJob& job, const vision::InputSpec& input, Meaning& meaning) {
  if (hold_labels(job.images)) return load_labelled(job, input, meaning);
  auto files = hold_out(job.images, job.held_out, job.holdout, "train");
  auto labels = labels_of(job, meaning, files.learned_from), held_out_labels = labels_of(job, meaning, files.measured_on);
  auto unreadable = take_out_unreadable(job, files.learned_from, labels);
  const auto of_held_out = take_out_unreadable(job, files.measured_on, held_out_labels);
  unreadable.insert(unreadable.end(), of_held_out.begin(), of_held_out.end());
  tell_unreadable(job, unreadable);
  auto classes = meaning.end(labels, held_out_labels);
  return {std::make_shared<ImageFiles>(files.learned_from, std::move(labels), input, job.augmentation, job.trainer.threads),
          std::make_shared<ImageFiles>(files.measured_on, std::move(held_out_labels), input, AugmentOptions{}, job.trainer.threads),
          std::move(unreadable), std::move(classes)};
}

}  // namespace

JobData load_data(const TrainJob& job, const vision::InputSpec& input, int64_t classes) {
  OfOutputs meaning(input, classes);
  return load(job, input, meaning);
}

JobData load_two_classes(const TrainJob& job, const std::vector<std::string>& positive, bool is_own) {
  OfTwo meaning(job.input, positive, is_own);
  return load(job, job.input, meaning);
}

}  // namespace scissionlite::train
