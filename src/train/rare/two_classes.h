// Images that are positive or negative, divided among members, and batches with as many of both as are wanted. Free of libtorch.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "train/data/dataset.h"

namespace scissionlite::train {

/// Some of the examples of a dataset, each with label 1 where its class is one of the positive ones, else 0.
class TwoClasses : public Dataset {
 public:
  /// @param which  indices into `images`.
  TwoClasses(std::shared_ptr<const Dataset> images, std::vector<int64_t> positive_classes, std::vector<int64_t> which);
  [[nodiscard]] int64_t size() const override { return static_cast<int64_t>(which_.size()); }
  [[nodiscard]] Example get(int64_t index, Rng* rng) const override;
  [[nodiscard]] int64_t label(int64_t index) const override { return is_positive_[static_cast<size_t>(index)]; }
  [[nodiscard]] std::string name(int64_t index) const override { return images_->name(which_[static_cast<size_t>(index)]); }
  [[nodiscard]] std::string identity() const override;
  [[nodiscard]] int64_t positives() const;
  /// Of each example.
  [[nodiscard]] const std::vector<char>& is_positive() const { return is_positive_; }

 private:
  std::shared_ptr<const Dataset> images_;
  std::vector<int64_t> which_;
  std::vector<char> is_positive_;
};

/// Indices of all examples that have a label.
[[nodiscard]] std::vector<int64_t> labelled(const Dataset& images);
/// @param what  "images", for messages. @throws InvalidArgument: all or none of them positive.
void check_both_classes(const std::string& what, int64_t images, int64_t positives);

/// Of `of` (negatives and positives of `is_positive`) as many positives as make up that share of all that stay; all negatives stay.
/// @throws InvalidArgument: fewer than 1 would be left, or more are asked for than there are.
[[nodiscard]] std::vector<int64_t> with_positive_share(const std::vector<int64_t>& of, const std::vector<char>& is_positive, double share,
                                                       uint64_t seed);

/// `of` divided among members, positives and negatives each. With skew 0 all get alike; towards 1 the first members get ever more of the positives
/// and the last ones none, as sites do whose machines are of different age.
/// @throws InvalidArgument: more members than examples, skew outside 0 .. 1.
[[nodiscard]] std::vector<std::vector<int64_t>> divide(const std::vector<int64_t>& of, const std::vector<char>& is_positive, int members, double skew,
                                                       uint64_t seed);

/// An order (LoaderOptions::order) in which each batch has `positives` positive ones, drawn anew once all have been used, and negatives in the rest;
/// as many batches an epoch as all examples fill. Where one class is missing, batches have the other one alone.
[[nodiscard]] std::function<std::vector<int64_t>(int64_t epoch)> balanced_order(std::vector<char> is_positive, int64_t batch_size, int64_t positives,
                                                                                uint64_t seed);

}  // namespace scissionlite::train
