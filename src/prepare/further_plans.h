// A device package may hold further plans of its model, between which `run` switches: each a package of its own below also/.
#pragma once

#include <string>
#include <vector>

#include "prepare/package.h"

namespace scissionlite {

/// Folder within a package that holds a further plan: "also/split_37_uint8". @param chain  as of Manifest::chain.
[[nodiscard]] fs::path further_plan_path(const std::string& chain);
/// Folders of the further plans of a package, by name; empty where it has none.
[[nodiscard]] std::vector<fs::path> further_plans(const fs::path& package);
/// @throws InvalidArgument: the further plan `plan` is of another model than the package.
void check_same_model(const DevicePackage& package, const DevicePackage& plan);
/// A package and its further plans, which come behind it. @throws what open_package does; InvalidArgument: a plan of another model than the package.
[[nodiscard]] std::vector<DevicePackage> open_plans(const fs::path& package);

}  // namespace scissionlite
