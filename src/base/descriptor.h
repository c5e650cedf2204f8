// Open files of the system, closed when they go.
#pragma once

#include <string_view>

namespace scissionlite {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }  // negative: it was not opened

 private:
  int fd_;
};

/// False, with errno, when not all of it was written.
[[nodiscard]] bool write_all(int fd, std::string_view bytes);

}  // namespace scissionlite
