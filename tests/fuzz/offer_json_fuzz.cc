// Any text is the list of a package's files or an InvalidArgument; an accepted one survives writing and reading, and none of its paths leads out of
// the package. A text without a version gets the right one: else none would be accepted.
#include "delivery/listing.h"
#include "json_file.h"

namespace {

using namespace scissionlite;

/// As far as it can be known: what cannot be read stays as it is.
Json with_its_version(Json json) {
  std::vector<delivery::PackageFile> files;
  try {
    for (const auto& file : JsonReader(json, "fuzz").at("files").elements())
      files.push_back({.path = file.at("path").text(), .size_bytes = file.at("size_bytes").integer(), .sha256 = file.at("sha256").text()});
  } catch (const InvalidArgument&) { return json; }
  if (json.is_object() && !json.contains("version")) json["version"] = delivery::version_of(files);
  return json;
}

delivery::Offer safe_offer(const Json& json, const std::string& where) {
  auto offer = delivery::offer_from_json(with_its_version(json), where);
  if (offer.size_bytes() < 0 || offer.size_bytes() > delivery::kLargestPackageBytes) __builtin_trap();
  for (const auto& file : offer.files) {
    const auto path = (fs::path("/store") / file.path).lexically_normal().string();
    if (!path.starts_with("/store/") || path.find("/.") != std::string::npos) __builtin_trap();
  }
  return offer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { return check_json_file(data, size, safe_offer); }
