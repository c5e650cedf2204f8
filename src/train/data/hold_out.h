// Which images a job learns from and which it measures on. Free of libtorch.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "vision/labelled_files.h"

namespace scissionlite::train {

struct HeldOut {
  std::vector<fs::path> learned_from, measured_on;
  std::string learned_from_sha256, measured_on_sha256;  // over the files' bytes; "" where the images were given apart
};
/// `given` apart from `images` where there are some, else a part of `images`: a count or a share of them that is a function of
/// their bytes alone, so that all commands hold the same ones out.
/// @param who  for messages ("calibrate").
/// @throws InvalidArgument: no image, or one, to divide; a part that leaves none on either side.
[[nodiscard]] HeldOut hold_out(const std::vector<fs::path>& images, const std::vector<fs::path>& given, const std::string& part,
                               const std::string& who);
/// The same of pictures that lie many in a file, by their pixels.
struct HeldOutPictures {
  vision::LabelledImages learned_from, measured_on;
};
[[nodiscard]] HeldOutPictures hold_out(vision::LabelledImages pictures, const std::string& part, const std::string& who);

}  // namespace scissionlite::train
