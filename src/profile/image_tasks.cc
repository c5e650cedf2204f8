// Timing what happens to images outside the model.
#include "profile/synthetic_image.h"
#include "profile/tasks_internal.h"

namespace scissionlite::profiling {
namespace {

constexpr size_t kMostImages = 32;  // whose pixels are held
constexpr int kSyntheticImages = 4;

/// An item that takes the next image at each run.
MeasureItem cycle(const std::string& name, double slow, size_t count, std::function<void(size_t)> body) {
  auto next = std::make_shared<size_t>(0);
  return {name, [=, body = std::move(body)] {
            const size_t i = (*next)++ % count;
            return timed_us(Clock::steady(), slow, [&] { body(i); });
          }};
}

}  // namespace

ImageTasks::ImageTasks(const ProfileOptions& options) : options_(options), slow_(slow_factor(options.engine)) {
  const size_t given = options.images.size(), held = std::min(given, kMostImages);
  for (size_t i = 0; i < held; ++i) {  // spread over the list: folders are sorted, and neighbours are alike
    const auto& path = options.images[i * given / held];
    files_.push_back(read_file(path));
    images_.push_back(vision::decode(files_.back(), path.string()));
  }
  for (int i = 0; files_.size() < kSyntheticImages && options.images.empty(); ++i) {
    images_.push_back(synthetic_image(options.input.width * 3 / 2, options.input.height * 3 / 2, static_cast<uint64_t>(i) + 1));
    files_.push_back(vision::encode(images_.back(), "jpeg-q90-420"));
  }
  for (const auto& image : images_) crops_.push_back(vision::resize_and_crop(image, options.input));
  for (const auto& codec : options.chosen.codecs) {
    auto& encoded = encoded_[codec];
    for (size_t i = 0; i < crops_.size(); ++i)
      encoded.push_back(codec == "file"  ? files_[i]
                        : codec == "raw" ? std::string(crops_[i].rgb.begin(), crops_[i].rgb.end())
                                         : vision::encode(crops_[i], codec));
  }
}

std::vector<Task> ImageTasks::tasks() {
  std::vector<Task> tasks;
  const size_t n = images_.size();
  const auto add = [&](const std::string& name, std::function<void(size_t)> body) {
    tasks.push_back({{name}, 0, [this, name, n, body = std::move(body)] { return std::vector<MeasureItem>{cycle(name, slow_, n, body)}; }});
  };
  add("preprocess", [this](size_t i) { (void)vision::preprocess(images_[i], options_.input); });
  add("values", [this](size_t i) { (void)vision::to_tensor(crops_[i], options_.input); });
  add("image_decode/file", [this](size_t i) { (void)vision::decode(files_[i], "an image"); });
  for (const auto& [codec, encoded] : encoded_) {
    if (codec == "file" || codec == "raw") continue;
    add("image_encode/" + codec, [this, codec = codec](size_t i) { (void)vision::encode(crops_[i], codec); });
    add("image_decode/" + codec, [&encoded = encoded](size_t i) { (void)vision::decode(encoded[i], "an image"); });
  }
  return tasks;
}

std::map<std::string, int64_t> ImageTasks::bytes() const {
  std::map<std::string, int64_t> out;
  for (const auto& [codec, encoded] : encoded_) {
    std::vector<double> sizes;
    for (const auto& bytes : encoded) sizes.push_back(static_cast<double>(bytes.size()));
    out[codec] = static_cast<int64_t>(median(sizes));  // latencies are medians, and file sizes have a long tail
  }
  return out;
}

std::vector<Tensor> ImageTasks::model_inputs(size_t most) const {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < crops_.size() && i < most; ++i) inputs.push_back(vision::to_tensor(crops_[i], options_.input));
  return inputs;
}

}  // namespace scissionlite::profiling
