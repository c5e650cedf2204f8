// Examples by index, and batches of them from threads that work ahead. Free of libtorch.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/tensor.h"
#include "train/data/augment.h"

namespace scissionlite::train {

struct Example {
  Tensor input;        // batch 1
  int64_t label = -1;  // -1: unknown
  Tensor answers{};    // a teacher's logits; empty: not known beforehand
  // Of a mixture: what else is in the image, and how much of it.
  int64_t other_label = -1;
  double other_share = 0;
};

/// Anything that gives examples: image files here, other containers by another class. Read by several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;
  [[nodiscard]] virtual int64_t size() const = 0;
  /// @param rng  for augmentation; nullptr: as at inference.
  [[nodiscard]] virtual Example get(int64_t index, Rng* rng) const = 0;
  /// The example's, without reading its image where that can be.
  [[nodiscard]] virtual int64_t label(int64_t index) const { return get(index, nullptr).label; }
  /// What people know the example by.
  [[nodiscard]] virtual std::string name(int64_t index) const { return "image " + std::to_string(index); }
  /// Changes when the examples do: part of what a checkpoint belongs to.
  [[nodiscard]] virtual std::string identity() const = 0;
};

/// Image files. Where no part of them is looked at closer (AugmentOptions::crop) and all fit into 1 GiB at the input's size, each is decoded and
/// resized once; else at each use.
class ImageFiles : public Dataset {
 public:
  /// @param labels  one a file, or empty. @param threads  that read files for `identity`; 0: every core. @throws InvalidArgument when there is no
  /// file.
  ImageFiles(std::vector<fs::path> files, std::vector<int64_t> labels, vision::InputSpec spec, AugmentOptions augmentation, int threads = 0);
  [[nodiscard]] int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  /// @throws InvalidArgument naming a file that is no image.
  [[nodiscard]] Example get(int64_t index, Rng* rng) const override;
  [[nodiscard]] int64_t label(int64_t index) const override { return labels_.empty() ? -1 : labels_[static_cast<size_t>(index)]; }
  [[nodiscard]] std::string name(int64_t index) const override { return files_[static_cast<size_t>(index)].filename().string(); }
  /// Of names, contents, labels and how images become inputs.
  /// Cost: each file is read once, through 1 MiB a thread, at the first call alone. SHA-256 takes in about 1.2 GB/s a core with the CPU's
  /// instructions for it, 0.3 without: 100,000 images of 100 kB (10 GB) are 9 s on one core, or as long as their disk takes. @throws ResourceError
  /// naming a file that cannot be read.
  [[nodiscard]] std::string identity() const override;

 private:
  std::vector<fs::path> files_;
  std::vector<int64_t> labels_;
  vision::InputSpec spec_;
  AugmentOptions augmentation_;
  int threads_;
  mutable std::mutex mutex_;
  mutable std::string identity_;  // "" until it was asked for
  mutable std::mutex resized_mutex_;
  mutable std::vector<std::shared_ptr<const vision::Image>> resized_;  // of files that were read; no places where they are not kept

  [[nodiscard]] std::shared_ptr<const vision::Image> resized(size_t i) const;
};

/// Pictures held in memory.
class Pictures : public Dataset {
 public:
  /// @param labels  one a picture. @throws InvalidArgument when there is no picture.
  Pictures(std::vector<vision::Image> images, std::vector<int64_t> labels, vision::InputSpec spec, AugmentOptions augmentation);
  [[nodiscard]] int64_t size() const override { return static_cast<int64_t>(images_.size()); }
  [[nodiscard]] Example get(int64_t index, Rng* rng) const override;
  [[nodiscard]] int64_t label(int64_t index) const override { return labels_[static_cast<size_t>(index)]; }
  [[nodiscard]] std::string identity() const override;

 private:
  std::vector<vision::Image> images_;
  std::vector<int64_t> labels_;
  vision::InputSpec spec_;
  AugmentOptions augmentation_;
};

/// Each example mixed with another one of the same data: (1 - s) a + s b, s from Beta(alpha, alpha), at most a half.
/// Source: Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018.
class Mixtures : public Dataset {
 public:
  /// @param alpha  in (0, 1]; 1: s is uniform. @throws InvalidArgument for another alpha.
  Mixtures(std::shared_ptr<const Dataset> images, double alpha);
  [[nodiscard]] int64_t size() const override { return images_->size(); }
  /// Without `rng`, the image as it is.
  [[nodiscard]] Example get(int64_t index, Rng* rng) const override;
  [[nodiscard]] std::string identity() const override { return images_->identity(); }

 private:
  std::shared_ptr<const Dataset> images_;
  double alpha_;
};

struct Batch {
  Tensor input;                         // (n, ...)
  std::vector<int64_t> labels;          // n
  Tensor answers{};                     // (n, ...) of the teacher, or empty
  std::vector<int64_t> other_labels{};  // n, of mixtures
  std::vector<double> other_shares{};   // n
  [[nodiscard]] int64_t size() const { return static_cast<int64_t>(labels.size()); }
};

struct LoaderOptions {
  int64_t batch_size = 32;
  bool shuffle = true, augment = true;
  uint64_t seed = 1;
  int ahead = 3;     // batches that are made, or under way, before they are asked for: what is held in memory
  int decoders = 1;  // threads that read, decode and augment; batches are the same whatever their number
  std::function<std::vector<int64_t>(int64_t epoch)> order{};  // of examples in an epoch, in place of shuffle; as many in each
};

/// Decoders beside a computation on so many threads (0: on every core): as many, but at most 4, as the images of one step are decoded while the step
/// before is computed.
[[nodiscard]] int decoders_beside(int threads);

/// Batches in their order, made by threads of their own while the caller computes.
class EpochReader {
 public:
  virtual ~EpochReader() = default;
  /// nullopt at the end. @throws what the dataset threw at the first example of the batch that it threw at; batches before that one come first.
  [[nodiscard]] virtual std::optional<Batch> next() = 0;
};

/// Order and augmentation of an epoch follow from seed, epoch and index (with LoaderOptions::order: place) alone, so an epoch can be entered
/// anywhere.
class Loader {
 public:
  /// @throws InvalidArgument for an empty dataset or a batch size below 1.
  Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options);
  [[nodiscard]] int64_t batches() const;
  [[nodiscard]] const Dataset& dataset() const { return *dataset_; }
  /// @param first  batches to skip.
  [[nodiscard]] std::unique_ptr<EpochReader> epoch(int64_t epoch, int64_t first = 0) const;
  /// Without end, one epoch after the other, whose first batches are made while the last ones of the epoch before are used.
  /// @param batch  to begin with, counted over all epochs.
  [[nodiscard]] std::unique_ptr<EpochReader> from(int64_t batch) const;

 private:
  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
  int64_t examples_;  // of an epoch
};

}  // namespace scissionlite::train
