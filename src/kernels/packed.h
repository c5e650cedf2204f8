// Packed weights: immutable, and shared by all that compute with them. Whoever packs asks a WeightStore by a key, so that the same
// weights in the same order are packed once for programs of several batch sizes, and not at all where a file has them packed already.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace scissionlite::kernels {

/// 64-byte aligned bytes that live as long as someone holds them.
struct PackedBytes {
  std::shared_ptr<const std::byte> data;
  int64_t bytes = 0;
};

class WeightStore {
 public:
  virtual ~WeightStore() = default;
  /// What lies under that key; else `fill` writes it, into zeros. Any thread.
  /// @throws ResourceError without memory; InvalidArgument where the store can only give what it has.
  [[nodiscard]] virtual PackedBytes get(const std::string& key, int64_t bytes, const std::function<void(std::byte*)>& fill) = 0;
};

/// In memory.
class PackedInMemory final : public WeightStore {
 public:
  [[nodiscard]] PackedBytes get(const std::string& key, int64_t bytes, const std::function<void(std::byte*)>& fill) override;
  /// In the order of keys. Not while another thread packs.
  [[nodiscard]] const std::map<std::string, PackedBytes>& all() const { return packed_; }
  [[nodiscard]] int64_t total_bytes() const;

 private:
  std::mutex mutex_;
  std::map<std::string, PackedBytes> packed_;
};

/// Memory of its own, in huge pages where it is large. @throws ResourceError.
[[nodiscard]] PackedBytes pack_bytes(int64_t bytes, const std::function<void(std::byte*)>& fill);

/// Packed weights of one type, as kernels hold them.
template <typename T>
class Packed {
 public:
  Packed() = default;
  explicit Packed(PackedBytes bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] const T* data() const { return reinterpret_cast<const T*>(bytes_.data.get()); }
  [[nodiscard]] int64_t size() const { return bytes_.bytes / static_cast<int64_t>(sizeof(T)); }

 private:
  PackedBytes bytes_;
};

/// Where a constant's packed forms are kept. Without a store each caller packs for itself.
/// Who gets one reads the constant within `fill` only: in a compiled model nothing but the packed form is left of it.
struct WeightSource {
  WeightStore* store = nullptr;
  std::string identity;  // of the constant: equal ones hold the same values

  /// @param layout  names the order and everything that `fill` depends on but the values: "winograd m2 v4 l8 k64 c64".
  /// @param fill    writes `count` values, zeros so far.
  template <typename T>
  [[nodiscard]] Packed<T> packed(const std::string& layout, int64_t count, const std::function<void(T*)>& fill) const {
    const auto bytes = count * static_cast<int64_t>(sizeof(T));
    const auto fill_bytes = [&](std::byte* to) { fill(reinterpret_cast<T*>(to)); };
    return Packed<T>(store ? store->get(identity + " " + layout, bytes, fill_bytes) : pack_bytes(bytes, fill_bytes));
  }
};

}  // namespace scissionlite::kernels
