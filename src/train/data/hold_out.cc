#include "train/data/hold_out.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "base/log.h"
#include "score/activations.h"

namespace scissionlite::train {
namespace {

void check_can_divide(size_t images, const std::string& who) {
  if (images < 2)
    throw InvalidArgument("[" + who + "] " + std::to_string(images) +
                          " image(s) given; expected at least two, one to learn from and one to measure on (better 50 and more)");
}
void check_measures(size_t held_out, const std::string& part, const std::string& who) {
  if (held_out == 0)
    throw InvalidArgument("[" + who + "] holding out '" + part +
                          "' leaves no image to measure on; give a count (100) or a share (0.2) for --holdout");
}

vision::LabelledImages taken(vision::LabelledImages& from, const std::vector<size_t>& places) {
  vision::LabelledImages out;
  for (const size_t i : places) out.images.push_back(std::move(from.images[i])), out.labels.push_back(from.labels[i]);
  return out;
}

}  // namespace

HeldOut hold_out(const std::vector<fs::path>& images, const std::vector<fs::path>& given, const std::string& part, const std::string& who) {
  if (!given.empty()) {
    if (images.empty())
      throw InvalidArgument("[" + who + "] no image to learn from was given; expected at least one in --images (better 50 and more)");
    std::set<fs::path> measured_on;
    for (const auto& path : given) measured_on.insert(fs::weakly_canonical(path));
    std::vector<fs::path> learned_from;
    std::copy_if(images.begin(), images.end(), std::back_inserter(learned_from),
                 [&](const fs::path& path) { return !measured_on.count(fs::weakly_canonical(path)); });
    if (learned_from.empty())
      throw InvalidArgument("[" + who + "] all images to learn from are held out too; what is measured on is never learned from");
    if (const size_t gone = images.size() - learned_from.size(); gone > 0)
      log::warning("[" + who + "] " + std::to_string(gone) + " of " + std::to_string(images.size()) +
                   " images to learn from are held out too; nothing is learned from those");
    return {std::move(learned_from), given, "", ""};
  }
  check_can_divide(images.size(), who);
  auto split = split_images(images, part);  // what score would fit on is held out here
  check_measures(split.fit.size(), part, who);
  return {std::move(split.score), std::move(split.fit), split.score_sha256, split.fit_sha256};
}

HeldOutPictures hold_out(vision::LabelledImages pictures, const std::string& part, const std::string& who) {
  check_can_divide(pictures.images.size(), who);
  std::vector<std::string> hashes;
  for (const auto& image : pictures.images) hashes.push_back(sha256_hex({reinterpret_cast<const char*>(image.rgb.data()), image.rgb.size()}));
  const auto split = split_by_hash(hashes, part);
  check_measures(split.fit.size(), part, who);
  return {taken(pictures, split.score), taken(pictures, split.fit)};
}

}  // namespace scissionlite::train
