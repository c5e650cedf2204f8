#include "delivery/listing.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::delivery {
namespace {

constexpr size_t kDeepest = 4, kLongestName = 200;

bool is_safe_name(const std::string& name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kLongestName && name[0] != '.' && std::all_of(name.begin(), name.end(), is_plain);
}

/// For messages: what came from a peer may hold anything.
std::string quoted(const std::string& text) {
  constexpr size_t kLongest = 100;
  std::string out;
  for (const char c : text.substr(0, kLongest)) out += c >= ' ' && c <= '~' ? c : '?';
  return "'" + out + (text.size() > kLongest ? "...'" : "'");
}

}  // namespace

int64_t Offer::size_bytes() const {
  int64_t bytes = 0;
  for (const auto& file : files) bytes += file.size_bytes;
  return bytes;
}

std::string version_of(const std::vector<PackageFile>& files) {
  Sha256 hash;
  hash.update("scissionlite.package/1\n");
  for (const auto& file : files) hash.update(file.sha256 + " " + std::to_string(file.size_bytes) + " " + file.path + "\n");
  return hash.hex();
}

bool is_sha256(const std::string& text) {
  constexpr size_t kDigits = 64;
  return text.size() == kDigits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool is_safe_path(const std::string& path) {
  const auto names = split(path, '/');
  return !names.empty() && names.size() <= kDeepest && std::all_of(names.begin(), names.end(), is_safe_name);
}

void check_offer(const Offer& offer, const std::string& where) {
  const auto refuse = [&](const std::string& what) { throw Unusable("[delivery] " + where + " " + what + "; nothing of it was used"); };
  if (!is_safe_name(offer.name)) refuse("lists a package of the name " + quoted(offer.name) + ", expected letters, digits, '.', '_' and '-'");
  const std::string package = "lists package " + quoted(offer.name) + " with ";
  if (offer.files.empty() || static_cast<int64_t>(offer.files.size()) > kMostFiles)
    refuse(package + std::to_string(offer.files.size()) + " files, expected 1 to " + std::to_string(kMostFiles));
  std::set<std::string> folders;
  int64_t total = 0;
  for (size_t i = 0; i < offer.files.size(); ++i) {
    const auto& file = offer.files[i];
    if (!is_safe_path(file.path)) refuse(package + "the file " + quoted(file.path) + ", expected a path below the package of plain names");
    if (i > 0 && !(offer.files[i - 1].path < file.path)) refuse(package + "the file " + quoted(file.path) + " twice or out of order");
    for (size_t slash = file.path.find('/'); slash != std::string::npos; slash = file.path.find('/', slash + 1))
      folders.insert(file.path.substr(0, slash));
    if (!is_sha256(file.sha256)) refuse(package + "the hash " + quoted(file.sha256) + " of " + quoted(file.path) + ", expected 64 hex digits");
    if (file.size_bytes < 0 || file.size_bytes > kLargestFileBytes)
      refuse(package + std::to_string(file.size_bytes) + " bytes in " + quoted(file.path) + ", expected 0 to " + std::to_string(kLargestFileBytes));
    if ((total += file.size_bytes) > kLargestPackageBytes) refuse(package + "over " + std::to_string(kLargestPackageBytes) + " bytes");
  }
  for (const auto& file : offer.files)
    if (folders.count(file.path) > 0) refuse(package + quoted(file.path) + " as a file and as a folder");
  if (const auto version = version_of(offer.files); version != offer.version)
    refuse(package + "version " + quoted(offer.version) + ", but its files are version " + version);
}

Json to_json(const Offer& offer) {
  Json json{{"schema", "scissionlite.delivery/1"}, {"name", offer.name}, {"version", offer.version}, {"model", offer.model},
            {"candidate", offer.candidate},        {"tail", offer.tail}, {"files", Json::array()}};
  for (const auto& file : offer.files) json["files"].push_back({{"path", file.path}, {"size_bytes", file.size_bytes}, {"sha256", file.sha256}});
  return json;
}

Offer offer_from_json(const Json& json, const std::string& where) {
  check_schema(json, "delivery", 1, where);
  const JsonReader reader(json, where);
  Offer offer{.name = reader.at("name").text(),
              .version = reader.at("version").text(),
              .model = reader.text_or("model", ""),
              .candidate = reader.text_or("candidate", ""),
              .tail = reader.text_or("tail", ""),
              .files = {}};
  for (const auto& file : reader.at("files").elements())
    offer.files.push_back({.path = file.at("path").text(), .size_bytes = file.at("size_bytes").integer(), .sha256 = file.at("sha256").text()});
  check_offer(offer, where);
  return offer;
}

}  // namespace scissionlite::delivery
