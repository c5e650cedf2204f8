#include "delivery/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "base/error.h"

namespace scissionlite::delivery {
namespace {

[[noreturn]] void fail(const std::string& doing, const fs::path& path, const std::string& reason) {
  throw ResourceError("[delivery] cannot " + doing + " '" + path.string() + "': " + reason + "; free some space, or choose another --store");
}

void require(const std::error_code& error, const std::string& doing, const fs::path& path) {
  if (error) fail(doing, path, error.message());
}

}  // namespace

void Disk::make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  require(error, "make folder", path);
}

void Disk::append(const fs::path& path, std::string_view bytes) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (file.get() < 0 || !write_all(file.get(), bytes)) fail("write", path, std::strerror(errno));
}

void Disk::sync(const fs::path& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || fsync(file.get()) != 0) fail("flush", path, std::strerror(errno));
}

void Disk::rename(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  require(error, "create", to);
}

void Disk::link(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error) return;
  fs::copy_file(from, to, error);
  require(error, "create", to);
  sync(to);
}

void Disk::remove(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);  // without a descriptor, which `remove_all` needs: there may be none left
  if (error) fs::remove_all(path, error);
  require(error, "remove", path);
}

Disk& Disk::real() {
  static Disk disk;
  return disk;
}

void replace_file(Disk& disk, const fs::path& path, std::string_view bytes) {
  fs::path fresh = path;
  fresh += ".new";
  disk.remove(fresh);
  disk.append(fresh, bytes);
  disk.sync(fresh);
  disk.rename(fresh, path);
  disk.sync(path.parent_path());
}

}  // namespace scissionlite::delivery
