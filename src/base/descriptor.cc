#include "base/descriptor.h"

#include <unistd.h>

#include <cerrno>

namespace scissionlite {

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

}  // namespace scissionlite
