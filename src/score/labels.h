// True classes of images, for label accuracy beside agreement.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "vision/input_spec.h"

namespace scissionlite {

/// The index in the model's output of each image's true class; -1 where the source does not tell.
/// @param source  a table of file names and labels, TSV or CSV (label_table.h; a name is that of the image's file, with or without folders), or
/// "folders": the name of the folder an image lies in is its label. A label is a class number, 0 or more, or a name of input.json's labels; numbers
/// count ImageNet's way, so label_offset is added.
/// @param outputs  number of classes the model answers.
/// @throws InvalidArgument when no image has a label, a line is malformed, a label unknown, or a file has two of them.
[[nodiscard]] std::vector<int64_t> load_labels(const std::string& source, const std::vector<fs::path>& images, const vision::InputSpec& input,
                                               int64_t outputs);

/// The class, 0 or more, that a label stands for. @param where  it was found, for messages.
using ClassOf = std::function<int64_t(const std::string& label, const std::string& where)>;
/// The same with classes of other meaning.
[[nodiscard]] std::vector<int64_t> load_labels(const std::string& source, const std::vector<fs::path>& images, const ClassOf& class_of);

}  // namespace scissionlite
