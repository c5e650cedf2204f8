#include "onnx/external_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace scissionlite {
namespace {

constexpr uint64_t kLargest = uint64_t{64} << 30;

/// The path of `location`, which lies in the folder whatever links say.
fs::path path_inside(const fs::path& folder, const std::string& location, const std::string& whose) {
  const fs::path relative = fs::path(location).lexically_normal();
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute() || relative.begin()->string() == "..")
    throw ModelError(whose + " has its data in '" + location + "', outside the model's folder; only files beside the model are read");
  const fs::path path = folder / relative;
  std::error_code error;
  if (!fs::exists(path, error))
    throw ModelError(whose + " has its data in '" + location + "', but there is no such file beside the model ('" + path.string() +
                     "'); copy it there or save the model in one file");
  const auto base = fs::weakly_canonical(folder.empty() ? fs::path(".") : folder);
  if (fs::relative(fs::weakly_canonical(path), base).begin()->string() == "..")
    throw ModelError(whose + " has its data in '" + location + "', which leads outside the model's folder");
  if (!fs::is_regular_file(path, error)) throw ModelError(whose + " has its data in '" + location + "', which is no regular file");
  return path;
}

}  // namespace

ExternalFile::ExternalFile(const fs::path& folder, const std::string& location, const std::string& whose)
    : path_(path_inside(folder, location, whose)), file_(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (file_.get() < 0) throw ResourceError(whose + " has its data in '" + path_.string() + "', which cannot be opened: " + std::strerror(errno));
  struct stat info {};
  if (fstat(file_.get(), &info) != 0 || !S_ISREG(info.st_mode))  // it may have been replaced since
    throw ModelError(whose + " has its data in '" + location + "', which is no regular file");
  size_bytes_ = static_cast<uint64_t>(info.st_size);
  if (size_bytes_ > kLargest)
    throw ModelError(whose + " has its data in '" + location + "', of " + std::to_string(size_bytes_) + " bytes; at most 64 GiB are read");
}

/// As many bytes as there were when it was opened, or fewer.
void ExternalFile::each_piece(const std::function<void(std::string_view)>& take) const {
  std::vector<char> buffer(std::min<uint64_t>(size_bytes_, 1 << 20));
  for (uint64_t done = 0; done < size_bytes_;) {
    const ssize_t n = ::read(file_.get(), buffer.data(), std::min<uint64_t>(buffer.size(), size_bytes_ - done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw ResourceError("[onnx import] cannot read '" + path_.string() + "': " + std::strerror(errno) + "; check the disk");
    if (n == 0) return;
    take({buffer.data(), static_cast<size_t>(n)});
    done += static_cast<uint64_t>(n);
  }
}

std::string ExternalFile::read() const {
  std::string bytes;
  bytes.reserve(size_bytes_);
  each_piece([&](std::string_view piece) { bytes += piece; });
  return bytes;
}

void ExternalFile::hash(Sha256& hash) const {
  each_piece([&](std::string_view piece) { hash.update(piece); });
}

}  // namespace scissionlite
