// Folders for a while.
#pragma once

#include <string>

#include "base/file.h"

namespace scissionlite {

/// A new folder below the system's temporary one, which goes away with the object.
class ScratchFolder {
 public:
  /// @param purpose  stands in its name. @throws ResourceError.
  explicit ScratchFolder(const std::string& purpose);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

  /// Those that processes left which were ended before they could.
  static void remove_abandoned(const std::string& purpose);

 private:
  fs::path path_;
};

}  // namespace scissionlite
