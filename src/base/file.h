// Files read whole and written atomically, hashes of their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace scissionlite {

namespace fs = std::filesystem;

/// @throws ResourceError naming the path and the system's reason, InvalidArgument when larger than `limit_bytes`.
[[nodiscard]] std::string read_file(const fs::path& path, uint64_t limit_bytes = uint64_t{8} << 30);

/// Writes beside the target, flushes to disk, then renames: the final name holds the old bytes or all the new ones.
/// Creates missing parent folders. @throws ResourceError (full disk, read-only, ...); nothing stays behind.
void write_file(const fs::path& path, std::string_view bytes);

/// Tests before long work that `path` can be written later: its folder exists or can be made and takes a file.
/// @throws ResourceError otherwise.
void check_writable(const fs::path& path);

/// What lies directly in a folder, sorted. What cannot be listed to its end (a share that went away) leaves `error` set, and may give a part.
[[nodiscard]] std::vector<fs::path> list_folder(const fs::path& folder, std::error_code& error);
/// Also false where that cannot be told.
[[nodiscard]] bool is_folder(const fs::path& path);

/// A folder built under a temporary name and renamed into place by `commit`; removed if never committed.
class StagedFolder {
 public:
  /// @throws ResourceError when the parent cannot be written.
  explicit StagedFolder(fs::path target);
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;
  [[nodiscard]] const fs::path& path() const { return staging_; }
  /// Replaces the target (an existing folder of that name is swapped out and removed).
  void commit();

 private:
  fs::path target_, staging_;
  bool committed_ = false;
};

/// Incremental SHA-256.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::span<const std::byte> bytes);
  void update(std::string_view bytes) { update(std::as_bytes(std::span(bytes.data(), bytes.size()))); }
  /// Lower-case hex, 64 characters; the object is spent.
  [[nodiscard]] std::string hex();

 private:
  void* context_;
};
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

/// Fast 64-bit hash of bytes for caches (not for identity).
[[nodiscard]] uint64_t fast_hash(std::span<const std::byte> bytes, uint64_t seed = 0);

}  // namespace scissionlite
