// Generated kernels beside a tuning database: tuning.json.d/<sha256>.so, loaded only with the hash that the database records.
#pragma once

#include <memory>

#include "kernels/generated/kernel_object.h"
#include "tune/database.h"

namespace scissionlite::tune {

/// "tuning.json.d".
[[nodiscard]] fs::path kernels_folder(const fs::path& database);

/// Writes a kernel's bytes there. @throws ResourceError.
[[nodiscard]] KernelRecord store_kernel(const fs::path& database, std::string_view bytes, const std::string& target);

/// The kernel, once its bytes are those recorded. It is code that runs with this process's rights: the folder must not be open to all.
/// @throws InvalidArgument, ResourceError saying why not.
[[nodiscard]] std::shared_ptr<const kernels::KernelObject> load_kernel(const fs::path& database, const KernelRecord& record,
                                                                       const std::string& target);

/// Copies the kernels of `entries` from one database to another; those that are missing or corrupt are left out with a warning.
void copy_kernels(const fs::path& from, const Database& entries, const fs::path& to);

}  // namespace scissionlite::tune
