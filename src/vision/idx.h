// IDX files, as MNIST and Fashion-MNIST come in: grey pictures in one file, labels in another beside it.
#pragma once

#include "vision/labelled_files.h"

namespace scissionlite::vision {

/// Whether the name ends in idx3-ubyte, with .gz behind it or not.
[[nodiscard]] bool is_idx_file(const fs::path& path);
/// Pictures (big-endian: 2051, count, rows, columns, then a byte a pixel) become RGB with three equal channels. Their labels (2049, count, a byte
/// each) lie in the file of the same name with "labels" and "idx1" for "images" and "idx3".
/// Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database, file formats.
/// @throws InvalidArgument, ResourceError as read_labelled.
[[nodiscard]] LabelledImages read_idx(const fs::path& path);

}  // namespace scissionlite::vision
