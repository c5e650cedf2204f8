// CIFAR-10's binary files: small labelled pictures, many in one file.
#pragma once

#include "vision/labelled_files.h"

namespace scissionlite::vision {

/// Whether the name is that of such a file (".bin").
[[nodiscard]] bool is_cifar_file(const fs::path& path);
/// Records of a label byte and the planes R, G, B of 32 x 32 pixels, 3,073 bytes each.
/// Source: A. Krizhevsky, The CIFAR-10 dataset, "Binary version".
/// @throws InvalidArgument for a file of another size (says which) or without a record; ResourceError.
[[nodiscard]] LabelledImages read_cifar(const fs::path& path);

}  // namespace scissionlite::vision
