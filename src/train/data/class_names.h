// What labels mean where images are positive or negative: classes by number, by a name of input.json, or by words of the labels' own, as folders ok/
// and defect/ have them. Free of libtorch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "train/data/dataset.h"
#include "vision/input_spec.h"

namespace scissionlite::train {

/// Numbers of classes: places among input.json's labels where it has some. A number stands for itself, behind the background class of label_offset
/// where there is one, a name of input.json's labels for its place among them, and each other word for a number of its own.
class ClassNames {
 public:
  /// @param input  of the images. Where it has labels, numbers are to be among them; the labels "negative" and "positive", which train --objective
  /// writes, say nothing of the classes that it was trained from.
  explicit ClassNames(const vision::InputSpec& input);
  /// As ClassOf (score/labels.h). @throws InvalidArgument: below 0, or beyond the labels.
  [[nodiscard]] int64_t of(const std::string& label, const std::string& where);
  /// "2", with labels "2 (crow)"; "defect".
  [[nodiscard]] std::string name(int64_t of) const;

 private:
  std::vector<std::string> labels_, words_;
  int64_t offset_;
  bool has_limit_;
};

/// Which classes of the images are positive.
class PositiveClasses {
 public:
  /// @param positive  classes by number or name.
  PositiveClasses(const vision::InputSpec& input, std::vector<std::string> positive) : names_(input), positive_(std::move(positive)) {}
  [[nodiscard]] ClassNames& names() { return names_; }

  /// Makes labels 1 where they are positive and 0 where not; those below 0 stay.
  /// @param others_have_images  images of other members may have what these lack: a positive class that no image has is warned of, else refused. One
  /// that held-out images alone have is warned of where others teach.
  /// @return which classes there were, with their numbers of images: "learned from: 3 negative (ok: 3), 2 positive (dent: 1, scratch: 1); held out:
  /// ..."
  /// @throws InvalidArgument: a positive class that no image has, or held-out ones alone where no other teaches (says which there are).
  std::string reduce(std::vector<int64_t>& learned_from, std::vector<int64_t>& held_out, bool others_have_images);

 private:
  using Counts = std::map<int64_t, int64_t>;
  [[nodiscard]] std::string listed(const Counts& counts, bool wanted) const;
  [[nodiscard]] std::string told(const Counts& counts) const;
  ClassNames names_;
  std::vector<std::string> positive_;
  std::vector<int64_t> are_positive_{};
};

}  // namespace scissionlite::train
