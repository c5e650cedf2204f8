// Paths on a command line to image files.
#include "vision/vision.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <glob.h>

#include "base/error.h"

namespace scissionlite::vision {
namespace {

constexpr std::array<std::string_view, 7> kExtensions{".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm"};

bool has_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

bool is_image_file(const fs::path& path) {
  std::error_code error;
  return has_image_name(path) && fs::is_regular_file(path, error);
}

std::vector<fs::path> images_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (is_image_file(it->path())) out.push_back(it->path());
  if (error) throw ResourceError("[images] cannot read the folder '" + folder.string() + "': " + error.message());
  return out;
}

std::vector<fs::path> matches(const std::string& pattern) {
  glob_t found{};
  std::vector<fs::path> out;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    for (size_t i = 0; i < found.gl_pathc; ++i)
      if (is_image_file(found.gl_pathv[i])) out.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  return out;
}

/// A file that is named is taken whatever its extension.
std::vector<fs::path> expand(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return images_in(path);
  if (fs::exists(path, error)) return {path};
  return matches(path);
}

}  // namespace

std::vector<fs::path> list_images(const std::vector<std::string>& paths) {
  std::vector<fs::path> out;
  for (const auto& path : paths) {
    const auto found = expand(path);
    if (found.empty())
      throw InvalidArgument("[images] no image at '" + path +
                            "'; expected a file, a folder with .jpg, .jpeg, .png, .webp, .bmp, .ppm or .pgm "
                            "files, or a glob such as 'photos/*.jpg'");
    out.insert(out.end(), found.begin(), found.end());
  }
  if (out.empty()) throw InvalidArgument("[images] no image was named; expected files, folders or globs");
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace scissionlite::vision
