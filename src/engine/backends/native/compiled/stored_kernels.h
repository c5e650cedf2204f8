// Generated kernels of a compiled model: kernels.json, a tuning database of the convolutions that they compute, and the folder
// kernels.json.d beside it, in which the objects lie by their hash.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "engine/backends/native/lowering/lowering.h"

namespace scissionlite::native {

/// Copies the kernels that the decisions ask for. @return the files written, named from `folder`; none where nothing was generated.
/// @param tuning  the database of which they were chosen. @throws ResourceError for a full disk; InvalidArgument when one is missing.
std::vector<std::string> store_kernels(const std::vector<Decision>& decisions, const fs::path& tuning, const fs::path& folder);

/// Brings the folder's kernels into this process. @throws InvalidArgument, ResourceError when one is missing or is not what was stored.
void bring_kernels(const fs::path& folder, const kernels::VectorLoops& loops);

}  // namespace scissionlite::native
