#include "tune/objects.h"

#include "base/log.h"

namespace scissionlite::tune {
namespace {

constexpr uint64_t kMostBytes = 16 << 20;  // a kernel has some ten thousand

fs::path path_of(const fs::path& database, const KernelRecord& record) { return kernels_folder(database) / (record.sha256 + ".so"); }

std::string checked_bytes(const fs::path& database, const KernelRecord& record) {
  const auto path = path_of(database, record);
  std::error_code ignored;
  if (!fs::exists(path, ignored))
    throw InvalidArgument("[tune] the kernel '" + path.string() + "' is missing; copy the folder along with the database, or tune again");
  for (const auto& place : {path, path.parent_path()})
    if ((fs::status(place, ignored).permissions() & fs::perms::others_write) != fs::perms::none)
      throw InvalidArgument("[tune] '" + place.string() + "' can be written by everybody: its code is not run; chmod o-w");
  auto bytes = read_file(path, kMostBytes);
  if (sha256_hex(bytes) != record.sha256)
    throw InvalidArgument("[tune] the kernel '" + path.string() + "' is not what the database recorded: corrupt or exchanged; tune again");
  return bytes;
}

}  // namespace

fs::path kernels_folder(const fs::path& database) { return database.string() + ".d"; }

KernelRecord store_kernel(const fs::path& database, std::string_view bytes, const std::string& target) {
  KernelRecord record{sha256_hex(bytes), target, kernels::kKernelInterface};
  write_file(path_of(database, record), bytes);
  return record;
}

std::shared_ptr<const kernels::KernelObject> load_kernel(const fs::path& database, const KernelRecord& record, const std::string& target) {
  if (record.interface != kernels::kKernelInterface)
    throw InvalidArgument("[tune] a kernel of interface " + std::to_string(record.interface) + "; this version knows " +
                          std::to_string(kernels::kKernelInterface) + "; tune again");
  if (record.target != target) throw InvalidArgument("[tune] a kernel for " + record.target + ", not for " + target);
  return std::make_shared<const kernels::KernelObject>(checked_bytes(database, record), path_of(database, record).string());
}

void copy_kernels(const fs::path& from, const Database& entries, const fs::path& to) {
  for (const auto& [key, entry] : entries.entries) {
    if (!entry.kernel) continue;
    try {
      (void)store_kernel(to, checked_bytes(from, *entry.kernel), entry.kernel->target);
    } catch (const InvalidArgument& e) { log::warning("[tune] " + key.problem + ": " + e.what()); }
  }
}

}  // namespace scissionlite::tune
