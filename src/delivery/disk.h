// What changes a store on disk, each change a call, so that tests can stop or fail at any of them.
#pragma once

#include <string_view>

#include "base/file.h"

namespace scissionlite::delivery {

/// Every call throws ResourceError naming the path.
class Disk {
 public:
  virtual ~Disk() = default;
  /// With those above it. There already is no error.
  virtual void make_folder(const fs::path& path);
  /// To a file that is made when it is missing.
  virtual void append(const fs::path& path, std::string_view bytes);
  /// Until it returns, a loss of power may take what was written to a file, or the names that a folder got.
  virtual void sync(const fs::path& path);
  /// Over an existing file too.
  virtual void rename(const fs::path& from, const fs::path& to);
  /// A second name of a file's bytes; a copy where the file system has no links.
  virtual void link(const fs::path& from, const fs::path& to);
  /// A file, or a folder with all that is in it. Missing is no error.
  virtual void remove(const fs::path& path);

  static Disk& real();
};

/// `path` holds its old bytes or all of `bytes`, whenever power is lost.
void replace_file(Disk& disk, const fs::path& path, std::string_view bytes);

}  // namespace scissionlite::delivery
