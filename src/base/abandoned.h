// What processes that were ended left behind: files and folders with the process's number in their names.
#pragma once

#include <string>

#include "base/file.h"

namespace scissionlite {

/// Removes what lies directly in `folder` and is named `prefix`<process>-<anything>, where no such process lives and nothing in it was written for
/// a minute: a process of another container, whose number means nothing here, would still be writing. What others own stays. Never throws.
void remove_abandoned(const fs::path& folder, const std::string& prefix);

}  // namespace scissionlite
