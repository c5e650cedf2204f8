// A lock between processes.
#pragma once

#include "base/file.h"

namespace scissionlite::tune {

/// Waits for PATH.lock, a file that stays: the data file itself is replaced when it is written, and a lock on it would stay with the old one.
class FileLock {
 public:
  /// @throws ResourceError when the lock's file cannot be made.
  explicit FileLock(const fs::path& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_;
};

}  // namespace scissionlite::tune
