#include "vision/idx.h"

#include <zlib.h>

#include <array>
#include <span>

#include "base/error.h"

namespace scissionlite::vision {
namespace {

constexpr uint32_t kPictures = 2051, kLabels = 2049;
constexpr uint64_t kMostBytes = uint64_t{1} << 32;  // of a file, unpacked: a damaged header asks for no more

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

/// The unpacked file; one that is not packed as it is.
std::string unpacked(const fs::path& path) {
  if (path.extension() != ".gz") return read_file(path);
  const gzFile file = gzopen(path.c_str(), "rb");
  if (!file) throw ResourceError("[idx] cannot read '" + path.string() + "'");
  std::string out;
  std::array<char, 1 << 16> part{};
  int count = 0;
  while ((count = gzread(file, part.data(), part.size())) > 0 && out.size() <= kMostBytes) out.append(part.data(), static_cast<size_t>(count));
  const bool is_damaged = count < 0 || gzclose_r(file) != Z_OK;
  if (is_damaged) throw InvalidArgument("[idx] '" + path.string() + "' is no gzip file, or is cut off");
  return out;
}

/// Sizes behind the magic number, checked against the file's.
std::vector<uint32_t> header(const std::string& bytes, const fs::path& path, uint32_t magic, size_t sizes) {
  const auto number = [&](size_t i) {
    uint32_t value = 0;
    for (size_t b = 0; b < 4; ++b) value = value << 8 | static_cast<uint8_t>(bytes[4 * i + b]);
    return value;
  };
  const size_t start = 4 * (1 + sizes);
  if (bytes.size() < start || number(0) != magic)
    throw InvalidArgument("[idx] '" + path.string() + "' begins with " + (bytes.size() < 4 ? "too few bytes" : std::to_string(number(0))) +
                          ", expected the number " + std::to_string(magic) + " of an IDX file of " + (magic == kPictures ? "pictures" : "labels"));
  std::vector<uint32_t> out;
  uint64_t expected = 1;
  for (size_t i = 1; i <= sizes; ++i) {
    out.push_back(number(i));
    expected = std::min(expected * out.back(), kMostBytes);
  }
  if (bytes.size() - start != expected)
    throw InvalidArgument("[idx] '" + path.string() + "' holds " + std::to_string(bytes.size() - start) + " bytes behind its header, expected " +
                          std::to_string(expected));
  return out;
}

fs::path labels_of(const fs::path& pictures) {
  auto name = pictures.filename().string();
  const auto replace = [&](const std::string& from, const std::string& to) {
    if (const auto at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
  };
  replace("images", "labels");
  replace("idx3", "idx1");
  const auto path = pictures.parent_path() / name;
  if (path == pictures || !fs::exists(path))
    throw InvalidArgument("[idx] no labels of '" + pictures.string() + "': there is no '" + path.string() + "'");
  return path;
}

}  // namespace

bool is_idx_file(const fs::path& path) {
  const auto name = path.filename().string();
  return ends_with(name, "idx3-ubyte") || ends_with(name, "idx3-ubyte.gz");
}

LabelledImages read_idx(const fs::path& path) {
  const auto pixels = unpacked(path);
  const auto sizes = header(pixels, path, kPictures, 3);
  const auto labels_path = labels_of(path);
  const auto labels = unpacked(labels_path);
  if (const auto count = header(labels, labels_path, kLabels, 1)[0]; count != sizes[0])
    throw InvalidArgument("[idx] '" + labels_path.string() + "' has " + std::to_string(count) + " labels, but '" + path.string() + "' has " +
                          std::to_string(sizes[0]) + " pictures");
  if (sizes[0] == 0 || sizes[1] == 0 || sizes[2] == 0) throw InvalidArgument("[idx] '" + path.string() + "' holds no picture");
  LabelledImages out;
  const size_t each = static_cast<size_t>(sizes[1]) * sizes[2];
  for (size_t i = 0; i < sizes[0]; ++i) {
    Image image{static_cast<int>(sizes[2]), static_cast<int>(sizes[1]), std::vector<uint8_t>(3 * each)};
    for (size_t p = 0; p < each; ++p)
      for (size_t c = 0; c < 3; ++c) image.rgb[3 * p + c] = static_cast<uint8_t>(pixels[16 + i * each + p]);
    out.images.push_back(std::move(image));
    out.labels.push_back(static_cast<uint8_t>(labels[8 + i]));
  }
  return out;
}

}  // namespace scissionlite::vision
