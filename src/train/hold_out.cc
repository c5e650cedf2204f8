#include "train/hold_out.h"

#include "score/activations.h"

namespace scissionlite::train {

HeldOut hold_out(const std::vector<fs::path>& images, const std::vector<fs::path>& given, const std::string& part, const std::string& who) {
  if (!given.empty()) {
    if (images.empty()) throw InvalidArgument("[" + who + "] no image to learn from was given; expected at least one in --images (better 50 and more)");
    return {images, given, "", ""};
  }
  if (images.size() < 2)
    throw InvalidArgument("[" + who + "] " + std::to_string(images.size()) + " image(s) given; expected at least two, one to learn from and one to measure on (better 50 and more)");
  auto split = split_images(images, part);  // what score would fit on is held out here
  if (split.fit.empty()) throw InvalidArgument("[" + who + "] holding out '" + part + "' leaves no image to measure on; give a count (100) or a share (0.2) for --holdout");
  return {std::move(split.score), std::move(split.fit), split.score_sha256, split.fit_sha256};
}

}  // namespace scissionlite::train
