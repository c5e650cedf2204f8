#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/abandoned.h"
#include "base/descriptor.h"
#include "base/error.h"

namespace scissionlite {
namespace {

constexpr const char* kPartial = ".partial-";  // then the process and a number: `remove_abandoned` reads it

[[noreturn]] void fail(const fs::path& path, const std::string& doing, const std::string& advice) {
  throw ResourceError("[file] cannot " + doing + " '" + path.string() + "': " + std::strerror(errno) + "; " + advice);
}

fs::path temporary_beside(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  fs::path name = path;
  name += kPartial + std::to_string(getpid()) + "-" + std::to_string(counter++);
  return name;
}

void make_parent(const fs::path& path) {
  const auto parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::error_code error;
  fs::create_directories(parent, error);
  if (error)
    throw ResourceError("[file] cannot create folder '" + parent.string() + "': " + error.message() + "; choose a folder that can be written");
}

}  // namespace

std::string read_file(const fs::path& path, uint64_t limit_bytes) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail(path, "open", "check the path and its permissions");
  struct stat info {};
  if (fstat(file.get(), &info) != 0) fail(path, "stat", "check the path");
  if (S_ISDIR(info.st_mode)) throw InvalidArgument("[file] '" + path.string() + "' is a folder; expected a file");
  std::string bytes;
  const auto refuse_large = [&](uint64_t size) {
    if (size > limit_bytes)
      throw InvalidArgument("[file] '" + path.string() + "' has over " + std::to_string(size) + " bytes; the limit here is " +
                            std::to_string(limit_bytes));
  };
  refuse_large(static_cast<uint64_t>(info.st_size));
  bytes.resize(static_cast<size_t>(info.st_size) + 1);  // one byte more tells the end, which else would take as much memory again
  size_t filled = 0;
  while (true) {  // a pipe or a growing file reports another size than it delivers
    if (filled == bytes.size()) bytes.resize(bytes.size() + 65536);
    const ssize_t n = ::read(file.get(), bytes.data() + filled, bytes.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, "read", "check the disk");
    if (n == 0) break;
    filled += static_cast<size_t>(n);
    refuse_large(filled);
  }
  bytes.resize(filled);
  return bytes;
}

void write_file(const fs::path& path, std::string_view bytes) {
  if (fs::is_directory(path)) throw InvalidArgument("[file] '" + path.string() + "' is a folder; give a file name");
  std::error_code ignored;
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)) {  // a device or pipe cannot be renamed over
    const Descriptor device(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (device.get() < 0 || !write_all(device.get(), bytes)) fail(path, "write", "check the device");
    return;
  }
  make_parent(path);
  const auto partial = temporary_beside(path);
  {
    const Descriptor file(open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (file.get() < 0) fail(path, "write", "choose a place that can be written");
    if (!write_all(file.get(), bytes) || fsync(file.get()) != 0) {
      const int reason = errno;
      unlink(partial.c_str());
      errno = reason;
      fail(path, "write", "free some space or choose another place; nothing was changed");
    }
  }
  if (rename(partial.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    unlink(partial.c_str());
    errno = reason;
    fail(path, "replace", "check the permissions of its folder");
  }
}

void check_writable(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) throw InvalidArgument("[file] '" + path.string() + "' is a folder; give a file name");
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)) return;
  make_parent(path);
  const auto probe = temporary_beside(path);
  bool written = false;
  {
    const Descriptor file(open(probe.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    written = file.get() >= 0 && write_all(file.get(), "probe");
  }
  const int reason = errno;
  unlink(probe.c_str());
  errno = reason;
  if (!written) fail(path, "write", "choose a place that can be written");
}

std::vector<fs::path> list_folder(const fs::path& folder, std::error_code& error) {
  std::vector<fs::path> out;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) out.push_back(entry->path());
  std::sort(out.begin(), out.end());
  return out;
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

StagedFolder::StagedFolder(fs::path target) : target_(std::move(target)) {
  while (target_.has_parent_path() && target_.filename().empty()) target_ = target_.parent_path();
  if (fs::exists(target_) && !fs::is_directory(target_))
    throw InvalidArgument("[file] '" + target_.string() + "' is a file; expected a folder or a new name");
  make_parent(target_);
  remove_abandoned(target_.has_parent_path() ? target_.parent_path() : ".", target_.filename().string() + kPartial);
  staging_ = temporary_beside(target_);
  std::error_code error;
  fs::create_directories(staging_, error);
  if (error)
    throw ResourceError("[file] cannot create folder '" + staging_.string() + "': " + error.message() + "; choose a place that can be written");
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(staging_, ignored);
}

void StagedFolder::commit() {
  std::error_code error;
  fs::path old;
  if (fs::exists(target_)) {
    old = temporary_beside(target_);
    fs::rename(target_, old, error);
    if (error) throw ResourceError("[file] cannot replace '" + target_.string() + "': " + error.message());
  }
  fs::rename(staging_, target_, error);
  if (error) {
    std::error_code ignored;
    if (!old.empty()) fs::rename(old, target_, ignored);
    throw ResourceError("[file] cannot create '" + target_.string() + "': " + error.message());
  }
  committed_ = true;
  if (!old.empty()) fs::remove_all(old, error);
}

uint64_t fast_hash(std::span<const std::byte> bytes, uint64_t seed) {
  constexpr uint64_t kPrime = 0x9e3779b97f4a7c15ULL;
  uint64_t lanes[4] = {seed ^ kPrime, seed + kPrime, ~seed, seed * kPrime + bytes.size()};
  size_t i = 0;
  for (; i + 32 <= bytes.size(); i += 32)
    for (int lane = 0; lane < 4; ++lane) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i + static_cast<size_t>(lane) * 8, 8);
      lanes[lane] = (lanes[lane] ^ word) * kPrime;
      lanes[lane] ^= lanes[lane] >> 29;
    }
  uint64_t hash = lanes[0] ^ (lanes[1] << 17 | lanes[1] >> 47) ^ (lanes[2] << 31 | lanes[2] >> 33) ^ (lanes[3] << 47 | lanes[3] >> 17);
  for (; i < bytes.size(); ++i) hash = (hash ^ static_cast<uint64_t>(bytes[i])) * kPrime;
  hash ^= hash >> 32;
  hash *= kPrime;
  return hash ^ (hash >> 29);
}

}  // namespace scissionlite
