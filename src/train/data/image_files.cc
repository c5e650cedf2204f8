#include "base/cpu.h"
#include "base/error.h"
#include "base/hash_file.h"
#include "score/parallel.h"
#include "train/data/dataset.h"

namespace scissionlite::train {

namespace {

Tensor seen(const vision::Image& image, const vision::InputSpec& spec, const AugmentOptions& augmentation, Rng* rng) {
  return vision::to_tensor(rng ? augment(image, spec, augmentation, *rng) : vision::resize_and_crop(image, spec), spec);
}

std::string hash_of(const fs::path& path, std::vector<char>& buffer) {
  Sha256 hash;
  if (!hash_file(hash, path, buffer))
    throw ResourceError("[train] '" + path.string() + "' cannot be read to its end; check the path, its permissions and the disk");
  return hash.hex();
}

}  // namespace

ImageFiles::ImageFiles(std::vector<fs::path> files, std::vector<int64_t> labels, vision::InputSpec spec, AugmentOptions augmentation, int threads)
    : files_(std::move(files)),
      labels_(std::move(labels)),
      spec_(std::move(spec)),
      augmentation_(augmentation),
      threads_(threads > 0 ? threads : this_machine().cores) {
  if (files_.empty()) throw InvalidArgument("[train] there is no image to train on");
  if (!labels_.empty() && labels_.size() != files_.size())
    throw InvalidArgument("[train] " + std::to_string(files_.size()) + " images, but " + std::to_string(labels_.size()) + " labels");
  constexpr double kMostBytes = 1 << 30;
  if (!crops(augmentation_) && 3.0 * spec_.width * spec_.height * static_cast<double>(files_.size()) <= kMostBytes) resized_.resize(files_.size());
}

Example ImageFiles::get(int64_t index, Rng* rng) const {
  const auto i = static_cast<size_t>(index);
  return while_doing("reading '" + files_[i].string() + "'", [&] {
    const int64_t label = labels_.empty() ? -1 : labels_[i];
    if (resized_.empty()) return Example{seen(vision::load_image(files_[i]), spec_, augmentation_, rng), label};
    const auto image = resized(i);
    return Example{rng ? vision::to_tensor(vary(*image, augmentation_, *rng), spec_) : vision::to_tensor(*image, spec_), label};
  });
}

std::shared_ptr<const vision::Image> ImageFiles::resized(size_t i) const {
  {
    const std::lock_guard lock(resized_mutex_);
    if (resized_[i]) return resized_[i];
  }
  auto image = std::make_shared<const vision::Image>(vision::resize_and_crop(vision::load_image(files_[i]), spec_));
  const std::lock_guard lock(resized_mutex_);
  return resized_[i] = std::move(image);
}

std::string ImageFiles::identity() const {
  const std::lock_guard lock(mutex_);
  if (!identity_.empty()) return identity_;
  std::vector<std::string> hashes(files_.size());
  std::vector<std::vector<char>> buffers(static_cast<size_t>(threads_));
  parallel_for(size(), threads_, [&](int worker, int64_t i) {
    hashes[static_cast<size_t>(i)] = hash_of(files_[static_cast<size_t>(i)], buffers[static_cast<size_t>(worker)]);
  });
  Sha256 hash;
  for (size_t i = 0; i < files_.size(); ++i)
    hash.update(files_[i].filename().string() + "\t" + hashes[i] + "\t" + std::to_string(labels_.empty() ? -1 : labels_[i]) + "\n");
  hash.update(vision::to_json(spec_).dump());
  return identity_ = hash.hex();
}

Pictures::Pictures(std::vector<vision::Image> images, std::vector<int64_t> labels, vision::InputSpec spec, AugmentOptions augmentation)
    : images_(std::move(images)), labels_(std::move(labels)), spec_(std::move(spec)), augmentation_(augmentation) {
  if (images_.empty()) throw InvalidArgument("[train] there is no image to train on");
  if (labels_.size() != images_.size())
    throw InvalidArgument("[train] " + std::to_string(images_.size()) + " images, but " + std::to_string(labels_.size()) + " labels");
}

Example Pictures::get(int64_t index, Rng* rng) const {
  const auto i = static_cast<size_t>(index);
  return {seen(images_[i], spec_, augmentation_, rng), labels_[i]};
}

std::string Pictures::identity() const {
  Sha256 hash;
  for (size_t i = 0; i < images_.size(); ++i) {
    hash.update(std::to_string(labels_[i]));
    hash.update(std::as_bytes(std::span(images_[i].rgb)));
  }
  hash.update(vision::to_json(spec_).dump());
  return hash.hex();
}

}  // namespace scissionlite::train
