#include <algorithm>

#include "base/file.h"
#include "base/text.h"
#include "delivery/listing.h"

namespace scissionlite::delivery {
namespace {

PackageFile hashed(const fs::path& folder, const fs::path& path) {
  const auto bytes = read_file(path, static_cast<uint64_t>(kLargestFileBytes));
  return {.path = path.lexically_relative(folder).generic_string(), .size_bytes = static_cast<int64_t>(bytes.size()), .sha256 = sha256_hex(bytes)};
}

}  // namespace

std::vector<PackageFile> list_files(const fs::path& folder) {
  std::vector<PackageFile> files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; entry != end; entry.increment(error)) {
    const auto status = entry->symlink_status();
    if (fs::is_directory(status)) continue;
    if (!fs::is_regular_file(status))
      throw InvalidArgument("[delivery] '" + entry->path().string() + "' is neither file nor folder; a package holds nothing else");
    files.push_back(hashed(folder, entry->path()));
    if (static_cast<int64_t>(files.size()) > kMostFiles)
      throw InvalidArgument("[delivery] '" + folder.string() + "' has over " + std::to_string(kMostFiles) + " files; expected a device package");
  }
  if (error) throw ResourceError("[delivery] cannot list '" + folder.string() + "': " + error.message());
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

}  // namespace scissionlite::delivery
