// Folders that are replaced whole: what is in them has to be what was written there, or a user's own files would be gone.
#pragma once

#include <functional>
#include <string>

#include "base/file.h"

namespace scissionlite {

/// Whether there is a folder with something in it.
[[nodiscard]] bool is_taken(const fs::path& folder);
/// The first entry of `folder` whose name is none of those that a program writes there; empty for none. @throws ResourceError: it cannot be listed.
[[nodiscard]] fs::path foreign_entry(const fs::path& folder, const std::function<bool(const std::string& name)>& is_known);
/// @param part  that speaks, "prepare". @param why  as "exists and is no device package". @throws InvalidArgument.
[[noreturn]] void refuse_to_replace(const std::string& part, const fs::path& folder, const std::string& why);

}  // namespace scissionlite
