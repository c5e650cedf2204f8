// Whether a folder is as it was.
#pragma once

#include "base/file.h"

namespace scissionlite {

/// Names, sizes, times and identities of all files below a folder as one text: it differs when anything was changed. "" when there is no folder.
[[nodiscard]] std::string folder_state(const fs::path& folder);

}  // namespace scissionlite
