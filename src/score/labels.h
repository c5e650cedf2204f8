// True classes of images, for label accuracy beside agreement.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"
#include "vision/input_spec.h"

namespace scissionlite {

/// The index in the model's output of each image's true class; -1 where the source does not tell.
/// @param source  a file with one "name<TAB>label" a line (further columns are ignored; the name is that of the image's
/// file, with or without folders), or "folders": the name of the folder an image lies in is its label. A label is a class
/// number or a name of input.json's labels; numbers count ImageNet's way, so label_offset is added.
/// @param outputs  number of classes the model answers.
/// @throws InvalidArgument when no image has a label, a line is malformed or a label unknown.
[[nodiscard]] std::vector<int64_t> load_labels(const std::string& source, const std::vector<fs::path>& images, const vision::InputSpec& input,
                                               int64_t outputs);

}  // namespace scissionlite
