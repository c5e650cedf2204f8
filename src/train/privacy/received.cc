#include "train/privacy/received.h"

#include <algorithm>

#include "base/cpu.h"
#include "base/log.h"
#include "base/progress.h"
#include "graph/slice.h"
#include "score/parallel.h"
#include "train/tensors/convert.h"
#include "vision/resize.h"

namespace scissionlite::train {
namespace {

constexpr int64_t kMostVector = 1 << 16;  // values without rows and columns
constexpr double kMostHalf = 65504;
constexpr int kMostWorkers = 8;  // each holds the head's weights

int worker_count(int threads) { return std::clamp(threads > 0 ? threads : this_machine().cores, 1, kMostWorkers); }

/// (1, c, h, w); whatever has no rows and columns becomes c values of one pixel.
torch::Tensor as_map(const Tensor& tensor) {
  auto out = to_torch(tensor, torch::kFloat).nan_to_num(0, kMostHalf, -kMostHalf).clamp(-kMostHalf, kMostHalf);
  if (out.dim() != 4) out = out.reshape({1, -1, 1, 1});
  if (out.size(2) * out.size(3) == 1 && out.size(1) > kMostVector)
    throw Unsupported("[privacy] a tensor of shape " + to_string(tensor.shape()) + " crosses; expected four dimensions (n, c, h, w), or at most " +
                      std::to_string(kMostVector) + " values without rows and columns");
  return out;
}

torch::Tensor joined(std::vector<torch::Tensor> maps) {
  int64_t height = 1, width = 1;
  for (const auto& map : maps) height = std::max(height, map.size(2)), width = std::max(width, map.size(3));
  for (auto& map : maps)
    if (map.size(2) != height || map.size(3) != width) map = torch::upsample_bilinear2d(map, {height, width}, /*align_corners=*/false);
  return torch::cat(maps, 1);
}

}  // namespace

PictureSize picture_size(const vision::InputSpec& input, int size) {
  const int longer = std::max(input.width, input.height);
  if (size >= longer) return {input.width, input.height};
  const auto scaled = [&](int side) { return std::max(1, static_cast<int>((static_cast<int64_t>(side) * size + longer / 2) / longer)); };
  return {scaled(input.width), scaled(input.height)};
}

torch::Tensor to_planes(const vision::Image& image) {
  auto out = torch::empty({image.height, image.width, 3}, torch::kByte);
  std::copy(image.rgb.begin(), image.rgb.end(), out.data_ptr<uint8_t>());
  return out.permute({2, 0, 1});
}

vision::Image to_image(const torch::Tensor& planes) {
  const auto rows = (planes.permute({1, 2, 0}).clamp(0, 1) * 255).round().to(torch::kByte).contiguous();
  vision::Image out{static_cast<int>(rows.size(1)), static_cast<int>(rows.size(0)), {}};
  out.rgb.assign(rows.data_ptr<uint8_t>(), rows.data_ptr<uint8_t>() + rows.numel());
  return out;
}

Sender::Sender(const Graph& model, const Cut& cut, const std::vector<transfer::Codec>& codecs, vision::InputSpec input, const std::string& engine,
               int threads)
    : input_(std::move(input)), workers_(worker_count(threads)), head_(cut_graph(model, cut.tensors).head, engine, workers_, 1) {
  for (const auto& codec : codecs) {
    encoders_.emplace_back(codec.encoder, engine, workers_, 1);
    decoders_.emplace_back(codec.decoder, engine, workers_, 1);
  }
}

torch::Tensor Sender::cross(int worker, const Tensor& input) {
  const auto activations = head_.run(worker, {&input, 1});
  std::vector<torch::Tensor> maps;
  for (size_t t = 0; t < activations.size(); ++t) maps.push_back(as_map(decoders_[t].run(worker, encoders_[t].run(worker, {&activations[t], 1}))[0]));
  return joined(std::move(maps)).squeeze(0);
}

vision::Image Sender::view(const fs::path& path, int64_t example, bool as_at_inference, const SendOptions& options) const {
  return while_doing("reading '" + path.string() + "'", [&] {
    const auto image = vision::load_image(path);
    if (as_at_inference) return vision::resize_and_crop(image, input_);
    Rng rng(Rng(options.seed + static_cast<uint64_t>(example)).next());
    return augment(image, input_, options.augmentation, rng);
  });
}

Received Sender::send(const std::vector<fs::path>& images, const SendOptions& options) {
  torch::NoGradGuard guard;
  const auto count = static_cast<int64_t>(images.size());
  const auto seen = [&](int64_t example) { return view(images[static_cast<size_t>(example % count)], example, example < count, options); };
  const auto shape = cross(0, vision::to_tensor(seen(0), input_)).sizes().vec();
  const int64_t most = std::max<int64_t>(1, options.most_bytes / (2 * shape[0] * shape[1] * shape[2])), wanted = count * options.views;
  const int64_t examples = wanted <= most ? wanted : most >= count ? most / count * count : most;
  if (examples < count)
    log::warning("[privacy] " + options.what + ": the tensors of " + std::to_string(examples) + " of " + std::to_string(count) +
                 " images fill the memory set apart for them; the others are left out");
  Received out{torch::empty({examples, shape[0], shape[1], shape[2]}, torch::kHalf),
               torch::empty({examples, 3, options.picture.height, options.picture.width}, torch::kByte)};
  Progress progress(options.what, examples);
  std::mutex mutex;
  parallel_for(examples, workers_, [&](int worker, int64_t i) {
    torch::NoGradGuard none;  // of this thread
    const auto picture = seen(i);
    out.tensors.select(0, i).copy_(cross(worker, vision::to_tensor(picture, input_)));
    out.pictures.select(0, i).copy_(to_planes(vision::resize(picture, options.picture.width, options.picture.height, vision::Filter::kBilinear)));
    const std::lock_guard lock(mutex);
    progress.advance();
  });
  return out;
}

}  // namespace scissionlite::train
