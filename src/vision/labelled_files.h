// Files that hold many small pictures and their labels: CIFAR's binary files, IDX files as MNIST's.
#pragma once

#include "vision/vision.h"

namespace scissionlite::vision {

struct LabelledImages {
  std::vector<Image> images;
  std::vector<int64_t> labels;  // one an image
};

/// Whether the name is that of such a file: ".bin" of CIFAR; ".idx3-ubyte" or "-idx3-ubyte", with ".gz" or without, of IDX.
[[nodiscard]] bool is_labelled_file(const fs::path& path);
/// @throws InvalidArgument for what is no such file (says where and what was expected) or has no picture; ResourceError.
[[nodiscard]] LabelledImages read_labelled(const fs::path& path);

}  // namespace scissionlite::vision
