#include "prepare/further_plans.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "prepare/names.h"

namespace scissionlite {
namespace {

constexpr const char* kFolder = "also";

}  // namespace

fs::path further_plan_path(const std::string& chain) { return fs::path(kFolder) / plain_name(chain); }

std::vector<fs::path> further_plans(const fs::path& package) {
  const auto folder = package / kFolder;
  std::error_code error;
  auto out = list_folder(folder, error);
  if (error && error != std::errc::no_such_file_or_directory)
    throw ResourceError("[package] cannot list the further plans in '" + folder.string() + "': " + error.message());
  out.erase(std::remove_if(out.begin(), out.end(), [](const fs::path& path) { return !is_folder(path); }), out.end());
  return out;
}

void check_same_model(const DevicePackage& package, const DevicePackage& plan) {
  const auto &first = package.manifest, &other = plan.manifest;
  if (other.model_sha256 != first.model_sha256)
    throw InvalidArgument("[package] '" + plan.folder.string() + "' is a plan of model " + other.model_name + " with sha256 " + other.model_sha256 +
                          ", the package of " + first.model_name + " with " + first.model_sha256 +
                          "; further plans are written with it: prepare the package again, with --also");
}

std::vector<DevicePackage> open_plans(const fs::path& package) {
  std::vector<DevicePackage> out{open_package(package)};
  for (const auto& folder : further_plans(package)) {
    out.push_back(open_package(folder));
    check_same_model(out.front(), out.back());
  }
  return out;
}

}  // namespace scissionlite
