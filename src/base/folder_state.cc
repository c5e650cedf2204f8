#include "base/folder_state.h"

#include <sys/stat.h>

#include <algorithm>

namespace scissionlite {

std::string folder_state(const fs::path& folder) {
  std::vector<std::string> lines;
  const auto note = [&](const fs::path& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return;
    lines.push_back(path.string() + " " + std::to_string(info.st_ino) + " " + std::to_string(S_ISDIR(info.st_mode) ? 0 : info.st_size) + " " +
                    std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) + "\n");
  };
  note(folder);
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) note(entry->path());
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const auto& line : lines) text += line;
  return text.empty() ? "" : sha256_hex(text);
}

}  // namespace scissionlite
