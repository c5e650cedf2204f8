// Packed weights of a compiled model, mapped from its file: read when first touched, shared by all processes that run it.
#pragma once

#include <unordered_map>

#include "base/file.h"
#include "engine/backends/native/compiled/stored.h"
#include "kernels/packed.h"

namespace scissionlite::native {

class MappedWeights final : public kernels::WeightStore {
 public:
  /// @throws ResourceError when it cannot be mapped, InvalidArgument when a run of bytes lies beyond its end.
  MappedWeights(const fs::path& path, const std::vector<StoredWeights>& weights);

  /// Never fills. Bytes are checked when they are first asked for: one read of them, at the speed of memory. Runs of 4 MiB and more are
  /// read into huge pages, the others stay mapped.
  /// @throws InvalidArgument when they are damaged, of another size, or not there.
  [[nodiscard]] kernels::PackedBytes get(const std::string& key, int64_t bytes, const std::function<void(std::byte*)>& fill) override;
  /// Values stored as they are.
  [[nodiscard]] Tensor values(const std::string& identity, Dtype dtype, const Shape& shape);

 private:
  struct Run {
    StoredWeights stored;
    kernels::PackedBytes checked;  // none before it is first asked for
  };
  fs::path path_;
  std::shared_ptr<const std::byte> mapping_;  // the whole file
  std::mutex mutex_;
  std::unordered_map<std::string, Run> runs_;
};

}  // namespace scissionlite::native
