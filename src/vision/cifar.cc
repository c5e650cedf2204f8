#include "vision/cifar.h"

#include "base/error.h"

namespace scissionlite::vision {
namespace {

constexpr int kSide = 32;
constexpr size_t kPlane = kSide * kSide, kRecord = 1 + 3 * kPlane;

Image interleaved(const uint8_t* planes) {
  Image image{kSide, kSide, std::vector<uint8_t>(3 * kPlane)};
  for (size_t i = 0; i < kPlane; ++i)
    for (size_t c = 0; c < 3; ++c) image.rgb[3 * i + c] = planes[c * kPlane + i];
  return image;
}

}  // namespace

bool is_cifar_file(const fs::path& path) { return path.extension() == ".bin"; }

LabelledImages read_cifar(const fs::path& path) {
  const auto bytes = read_file(path);
  if (bytes.empty() || bytes.size() % kRecord != 0)
    throw InvalidArgument("[cifar] '" + path.string() + "' has " + std::to_string(bytes.size()) + " bytes, expected a multiple of " +
                          std::to_string(kRecord) + ": records of a label and 3 planes of 32 x 32, as in CIFAR-10's binary version");
  LabelledImages out;
  for (size_t at = 0; at < bytes.size(); at += kRecord) {
    const auto* record = reinterpret_cast<const uint8_t*>(bytes.data()) + at;
    out.labels.push_back(record[0]);
    out.images.push_back(interleaved(record + 1));
  }
  return out;
}

}  // namespace scissionlite::vision
