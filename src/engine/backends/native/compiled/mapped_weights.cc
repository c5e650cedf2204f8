#include "engine/backends/native/compiled/mapped_weights.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "base/error.h"
#include "onnx/compiled.h"

namespace scissionlite::native {
namespace {

constexpr int64_t kReadBytes = int64_t{4} << 20;  // from here on pack_bytes takes huge pages

std::shared_ptr<const std::byte> map_file(const fs::path& path, int64_t& bytes) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info {};
  void* memory = MAP_FAILED;
  if (file.get() >= 0 && fstat(file.get(), &info) == 0) {
    bytes = info.st_size;
    if (bytes > 0) memory = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ, MAP_SHARED, file.get(), 0);
  }
  if (bytes == 0 && file.get() >= 0) return nullptr;
  if (memory == MAP_FAILED)
    throw ResourceError("[native] cannot map '" + path.string() + "': " + std::strerror(errno) + "; check the path and its permissions");
  return {static_cast<const std::byte*>(memory),
          [size = static_cast<size_t>(bytes)](const std::byte* p) { munmap(const_cast<std::byte*>(p), size); }};
}

/// Into memory of its own, in huge pages: with small ones, as a mapping has them, the largest convolutions take 5 to 10 % longer.
kernels::PackedBytes read_run(const fs::path& path, const StoredWeights& stored) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0)
    throw ResourceError("[native] cannot read '" + path.string() + "': " + std::strerror(errno) + "; check the path and its permissions");
  return kernels::pack_bytes(stored.bytes, [&](std::byte* to) {
    for (int64_t done = 0; done < stored.bytes;) {
      const auto got = pread(file.get(), to + done, static_cast<size_t>(stored.bytes - done), stored.offset + done);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0)
        throw ResourceError("[native] cannot read '" + path.string() +
                            "': " + (got < 0 ? std::strerror(errno) : "it ends at byte " + std::to_string(stored.offset + done)) +
                            "; compile the model again");
      done += got;
    }
  });
}

}  // namespace

MappedWeights::MappedWeights(const fs::path& path, const std::vector<StoredWeights>& weights) : path_(path) {
  int64_t size = 0;
  mapping_ = map_file(path, size);
  for (const auto& stored : weights) {
    if (stored.offset > size || stored.bytes > size - stored.offset)
      throw InvalidArgument("[native] '" + path.string() + "' has " + std::to_string(size) + " bytes, '" + stored.key + "' ends at " +
                            std::to_string(stored.offset + stored.bytes) + "; compile the model again");
    runs_[stored.key] = {stored};
  }
}

kernels::PackedBytes MappedWeights::get(const std::string& key, int64_t bytes, const std::function<void(std::byte*)>&) {
  const std::lock_guard lock(mutex_);
  const auto it = runs_.find(key);
  if (it == runs_.end() || it->second.stored.bytes != bytes)
    throw InvalidArgument("[native] '" + path_.string() + "' has no '" + key + "' of " + std::to_string(bytes) +
                          " bytes; the folder is of another model or damaged: compile the model again");
  auto& [stored, checked] = it->second;
  if (!checked.data) {
    auto run = bytes >= kReadBytes ? read_run(path_, stored) : kernels::PackedBytes{{mapping_, mapping_.get() + stored.offset}, bytes};
    if (const auto given = checksum_text(fast_hash({run.data.get(), static_cast<size_t>(bytes)})); given != stored.checksum)
      throw InvalidArgument("[native] '" + path_.string() + "' is damaged: '" + key + "' has checksum " + given + ", expected " + stored.checksum +
                            "; copy the folder again, or compile the model again");
    checked = std::move(run);
  }
  return checked;
}

Tensor MappedWeights::values(const std::string& identity, Dtype dtype, const Shape& shape) {
  const auto packed = get(key_of_values(identity), element_count(shape) * static_cast<int64_t>(dtype_size(dtype)), nullptr);
  return {dtype, shape, packed.data, packed.data.get()};
}

}  // namespace scissionlite::native
