#include "base/replaced.h"

#include "base/error.h"

namespace scissionlite {

bool is_taken(const fs::path& folder) {
  std::error_code error;
  return is_folder(folder) && !fs::is_empty(folder, error);
}

fs::path foreign_entry(const fs::path& folder, const std::function<bool(const std::string& name)>& is_known) {
  std::error_code error;
  for (const auto& path : list_folder(folder, error))
    if (!is_known(path.filename().string())) return path;
  if (error) throw ResourceError("[file] cannot list '" + folder.string() + "': " + error.message() + "; check its permissions");
  return {};
}

void refuse_to_replace(const std::string& part, const fs::path& folder, const std::string& why) {
  throw InvalidArgument("[" + part + "] '" + folder.string() + "' " + why +
                        "; a folder is replaced whole: choose another one, or move away what should be kept");
}

}  // namespace scissionlite
