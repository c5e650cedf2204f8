#include "tune/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace scissionlite::tune {

FileLock::FileLock(const fs::path& path) {
  const std::string name = path.string() + ".lock";
  std::error_code ignored;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), ignored);
  fd_ = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  while (fd_ >= 0 && flock(fd_, LOCK_EX) != 0)
    if (errno != EINTR) close(fd_), fd_ = -1;
  if (fd_ < 0) throw ResourceError("[tune] cannot lock '" + name + "': " + std::strerror(errno) + "; choose a place that can be written");
}

FileLock::~FileLock() { close(fd_); }

}  // namespace scissionlite::tune
