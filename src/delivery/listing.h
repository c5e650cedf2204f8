// Delivery: device packages from the edge, by the hashes of what is in them.
//
// What lives here: a package as a list of files (this file), where packages come from (source.h), where a device keeps them (store.h), and the way
// from one to the other (pull.h). The edge's side is in server/models/packages.h, and what a device does with a new version in device/delivered.h.
// Relies on protocol and prepare. Start here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace scissionlite::delivery {

/// What is listed or sent is of no use. It is the edge's: another time it may be other things.
struct Unusable : InvalidArgument {
  using InvalidArgument::InvalidArgument;
};

struct PackageFile {
  std::string path;  // below the package, '/' between folders
  int64_t size_bytes = 0;
  std::string sha256;
  bool operator==(const PackageFile&) const = default;
};

/// What the edge offers, and what the device has installed.
struct Offer {
  std::string name;                    // of the package on the edge
  std::string version;                 // version_of(files)
  std::string model, candidate, tail;  // for people; the package's manifest decides
  std::vector<PackageFile> files;      // by path
  [[nodiscard]] int64_t size_bytes() const;
};

inline constexpr int64_t kMostFiles = 4096, kLargestFileBytes = int64_t{8} << 30, kLargestPackageBytes = int64_t{16} << 30;

/// Every file below `folder`, hashed. @throws InvalidArgument: more files than check_offer takes, a link or anything else that is neither file nor
/// folder; ResourceError.
[[nodiscard]] std::vector<PackageFile> list_files(const fs::path& folder);
/// SHA-256 that names a package; delivery.proto says of what.
[[nodiscard]] std::string version_of(const std::vector<PackageFile>& files);

/// 64 lower-case hex digits.
[[nodiscard]] bool is_sha256(const std::string& text);
/// Whether a path stays below the folder that it is joined to, on any file system: up to 4 names of letters, digits, '.', '_' and '-', none starting
/// with '.'.
[[nodiscard]] bool is_safe_path(const std::string& path);
/// Nothing of an offer is used before. @param where  named in messages. @throws Unusable: a path that leads elsewhere or is listed twice, a
/// hash that is none, sizes out of bounds, a version that is not that of the files.
void check_offer(const Offer& offer, const std::string& where);

/// "scissionlite.delivery/1". `offer_from_json` checks as check_offer does.
[[nodiscard]] Json to_json(const Offer& offer);
[[nodiscard]] Offer offer_from_json(const Json& json, const std::string& where);

}  // namespace scissionlite::delivery
