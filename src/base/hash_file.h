// A file's bytes into a hash, without the whole of it in memory.
#pragma once

#include <vector>

#include "base/file.h"

namespace scissionlite {

/// Reads by 1 MiB. @param buffer  for that, of the caller's, so that many files need one. @return whether the file was read to its end.
[[nodiscard]] bool hash_file(Sha256& hash, const fs::path& path, std::vector<char>& buffer);

}  // namespace scissionlite
