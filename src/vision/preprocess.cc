// From an image to the tensor: geometry on 8-bit pixels, then values through a table of 256 entries a channel.
#include "vision/input_spec.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "vision/resize.h"

namespace scissionlite::vision {
namespace {

Filter filter_of(const InputSpec& spec) {
  return spec.filter == "nearest" ? Filter::kNearest : spec.filter == "bicubic" ? Filter::kBicubic : Filter::kBilinear;
}

std::string size_text(int width, int height) { return std::to_string(width) + " x " + std::to_string(height); }

/// Longest side after "shorter"; only the cropped part of it is ever computed.
constexpr int64_t kLongestResizedSide = int64_t{1} << 30;

/// Size after "shorter": the longer side is rounded down, as torchvision does.
std::array<int, 2> shorter_size(const Image& image, const InputSpec& spec) {
  const int64_t to = spec.resize_to != 0 ? spec.resize_to : std::max(spec.width, spec.height);
  const int64_t w = image.width, h = image.height;
  const int64_t out_w = w <= h ? to : to * w / h, out_h = w <= h ? to * h / w : to;
  if (std::max(out_w, out_h) > kLongestResizedSide)
    throw InvalidArgument("[preprocess] an image of " + size_text(image.width, image.height) +
                          " pixels is too long and thin to be resized to a shorter side of " + std::to_string(to) + "; crop it first");
  return {static_cast<int>(out_w), static_cast<int>(out_h)};
}

/// Resize to width x height, then the middle of it; computes the middle only.
Image resize_then_crop(const Image& image, int width, int height, const InputSpec& spec) {
  if (spec.crop == "none" && (width != spec.width || height != spec.height))
    throw InvalidArgument("[preprocess] the image is " + size_text(width, height) + " pixels after \"resize\": \"" + spec.resize +
                          "\", the model expects " + size_text(spec.width, spec.height) +
                          "; set \"crop\": \"center\" or \"resize\": \"stretch\" in input.json");
  const Window window = centre_window(width, height, spec.width, spec.height);
  const Window inside{std::max(0, window.x), std::max(0, window.y), std::min(width, window.width), std::min(height, window.height)};
  const Image part = resize(image, width, height, filter_of(spec), inside);
  return crop(part, {window.x - inside.x, window.y - inside.y, window.width, window.height});
}

Image resize_and_crop_whole(const Image& image, const InputSpec& spec) {
  if (spec.resize == "stretch") return resize(image, spec.width, spec.height, filter_of(spec));
  if (spec.resize == "none") return resize_then_crop(image, image.width, image.height, spec);
  const auto [width, height] = shorter_size(image, spec);
  return resize_then_crop(image, width, height, spec);
}

/// What each pixel value becomes.
template <typename T>
using Table = std::array<T, 256>;

template <typename T>
T convert(double x) {
  if constexpr (std::is_same_v<T, float>) return static_cast<float>(x);
  else if constexpr (std::is_same_v<T, uint16_t>) return f32_to_f16(static_cast<float>(x));
  else return static_cast<uint8_t>(std::lround(std::clamp(x, 0.0, 255.0)));
}

template <typename T>
Table<T> make_table(const InputSpec& spec, size_t channel) {
  Table<T> table;
  for (size_t v = 0; v < table.size(); ++v) table[v] = convert<T>((static_cast<double>(v) * spec.scale - spec.mean[channel]) / spec.std[channel]);
  return table;
}

/// Rec. 601 luma with 16 fraction bits, as Pillow's mode "L".
inline uint8_t luma(const uint8_t* rgb) { return static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16); }

template <typename T>
void fill_grey(const Image& image, const InputSpec& spec, T* out) {
  const auto table = make_table<T>(spec, 0);
  const uint8_t* end = image.rgb.data() + image.rgb.size();
  for (const uint8_t* rgb = image.rgb.data(); rgb != end; rgb += 3) *out++ = table[luma(rgb)];
}

/// out[c * plane + i * step] = table_c[rgb[i, channel c]]
template <typename T>
void fill_colour(const Image& image, const InputSpec& spec, T* out) {
  const auto first = make_table<T>(spec, 0), second = make_table<T>(spec, 1), third = make_table<T>(spec, 2);
  const size_t pixels = image.rgb.size() / 3, swap = spec.channels == "BGR" ? 2 : 0;
  const uint8_t* rgb = image.rgb.data();
  if (spec.layout == "NHWC") {
    for (size_t i = 0; i < pixels; ++i, rgb += 3, out += 3) out[0] = first[rgb[swap]], out[1] = second[rgb[1]], out[2] = third[rgb[2 - swap]];
    return;
  }
  T *a = out, *b = out + pixels, *c = out + 2 * pixels;
  for (size_t i = 0; i < pixels; ++i, rgb += 3) a[i] = first[rgb[swap]], b[i] = second[rgb[1]], c[i] = third[rgb[2 - swap]];
}

template <typename T>
void fill(const Image& image, const InputSpec& spec, Tensor& out) {
  auto* values = reinterpret_cast<T*>(out.mutable_data());
  spec.channels == "GRAY" ? fill_grey(image, spec, values) : fill_colour(image, spec, values);
}

}  // namespace

Image resize_and_crop(const Image& image, const InputSpec& spec) {
  if (spec.precrop == 0) return resize_and_crop_whole(image, spec);
  return resize_and_crop_whole(crop(image, centre_window(image.width, image.height, spec.precrop, spec.precrop)), spec);
}

Tensor to_tensor(const Image& image, const InputSpec& spec) {
  if (image.width != spec.width || image.height != spec.height)
    throw InvalidArgument("[preprocess] got an image of " + size_text(image.width, image.height) + " pixels, expected " +
                          size_text(spec.width, spec.height) + "; call resize_and_crop first");
  const size_t channels = spec.channels == "GRAY" ? 1 : 3;
  if (spec.mean.size() != channels || spec.std.size() != channels)
    throw InvalidArgument("[preprocess] got " + std::to_string(spec.mean.size()) + " means and " + std::to_string(spec.std.size()) + " stds for " +
                          std::to_string(channels) + " channels of " + spec.channels);
  Tensor out(spec.dtype, tensor_shape(spec));
  switch (spec.dtype) {
    case Dtype::kF32: fill<float>(image, spec, out); break;
    case Dtype::kF16: fill<uint16_t>(image, spec, out); break;
    case Dtype::kU8: fill<uint8_t>(image, spec, out); break;
    default:
      throw InvalidArgument("[preprocess] dtype " + std::string(dtype_name(spec.dtype)) + " is not supported, expected float32, float16 or uint8");
  }
  return out;
}

}  // namespace scissionlite::vision
