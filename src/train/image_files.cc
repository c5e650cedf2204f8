#include "base/error.h"
#include "train/dataset.h"

namespace scissionlite::train {

ImageFiles::ImageFiles(std::vector<fs::path> files, std::vector<int64_t> labels, vision::InputSpec spec, AugmentOptions augmentation)
    : files_(std::move(files)), labels_(std::move(labels)), spec_(std::move(spec)), augmentation_(augmentation) {
  if (files_.empty()) throw InvalidArgument("[train] there is no image to train on");
  if (!labels_.empty() && labels_.size() != files_.size())
    throw InvalidArgument("[train] " + std::to_string(files_.size()) + " images, but " + std::to_string(labels_.size()) + " labels");
}

Example ImageFiles::get(int64_t index, Rng* rng) const {
  const auto i = static_cast<size_t>(index);
  return while_doing("reading '" + files_[i].string() + "'", [&] {
    const auto image = vision::load_image(files_[i]);
    const auto seen = rng ? augment(image, spec_, augmentation_, *rng) : vision::resize_and_crop(image, spec_);
    return Example{vision::to_tensor(seen, spec_), labels_.empty() ? -1 : labels_[i]};
  });
}

std::string ImageFiles::identity() const {
  Sha256 hash;
  for (size_t i = 0; i < files_.size(); ++i)
    hash.update(files_[i].filename().string() + "\t" + std::to_string(fs::file_size(files_[i])) + "\t" +
                std::to_string(labels_.empty() ? -1 : labels_[i]) + "\n");
  hash.update(vision::to_json(spec_).dump());
  return hash.hex();
}

}  // namespace scissionlite::train
