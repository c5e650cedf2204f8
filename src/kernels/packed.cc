#include "kernels/packed.h"

#include "base/error.h"
#include "kernels/conv/panels.h"

namespace scissionlite::kernels {

PackedBytes pack_bytes(int64_t bytes, const std::function<void(std::byte*)>& fill) {
  const auto floats = std::make_shared<AlignedFloats>((bytes + static_cast<int64_t>(sizeof(float)) - 1) / static_cast<int64_t>(sizeof(float)));
  auto* const data = reinterpret_cast<std::byte*>(floats->data());
  fill(data);
  return {{floats, data}, bytes};
}

PackedBytes PackedInMemory::get(const std::string& key, int64_t bytes, const std::function<void(std::byte*)>& fill) {
  const std::lock_guard lock(mutex_);
  auto& packed = packed_[key];
  if (!packed.data) packed = pack_bytes(bytes, fill);
  if (packed.bytes != bytes)
    throw InternalError("[kernels] packed weights '" + key + "' have " + std::to_string(packed.bytes) + " bytes, asked for " + std::to_string(bytes));
  return packed;
}

int64_t PackedInMemory::total_bytes() const {
  int64_t sum = 0;
  for (const auto& [key, packed] : packed_) sum += packed.bytes;
  return sum;
}

}  // namespace scissionlite::kernels
