#include "protocol/versions.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace scissionlite::protocol {
namespace {

constexpr size_t kLongestQuote = 40;

std::string in_words(Versions versions) {
  if (versions.oldest == versions.newest) return "version " + std::to_string(versions.oldest);
  return "versions " + std::to_string(versions.oldest) + " to " + std::to_string(versions.newest);
}

std::string quoted(std::string_view text) {
  std::string out(text.substr(0, kLongestQuote));
  for (auto& byte : out)
    if (byte < ' ' || byte > '~') byte = '?';
  return "'" + out + "'";
}

/// A whole number from 1 on; 0 for anything else.
int number_from(std::string_view text) {
  int out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() ? out : 0;
}

}  // namespace

std::string to_text(Versions versions) { return std::to_string(versions.oldest) + "-" + std::to_string(versions.newest); }

Versions versions_from(std::string_view text) {
  const auto dash = text.find('-', 1);
  if (dash != std::string_view::npos) {
    const Versions out{number_from(text.substr(0, dash)), number_from(text.substr(dash + 1))};
    if (out.oldest >= 1 && out.newest >= out.oldest) return out;
  }
  throw InvalidArgument("the range of ScissionLite's protocol is " + quoted(text) + ", expected OLDEST-NEWEST, as " + to_text(kVersions));
}

std::optional<Versions> versions_of_server(std::string_view name, std::span<const std::string> extensions) {
  for (const auto& extension : extensions)
    if (extension.starts_with(kVersionsExtension)) return versions_from(std::string_view(extension).substr(kVersionsExtension.size()));
  if (name == kServerName) return kUntoldVersions;
  return std::nullopt;
}

std::optional<int> common_version(Versions edge, Versions device) {
  const int newest = std::min(edge.newest, device.newest);
  return newest >= std::max(edge.oldest, device.oldest) ? std::optional(newest) : std::nullopt;
}

std::string disagreement(Versions edge, Versions device) {
  if (common_version(edge, device)) return "";
  return "the edge speaks " + in_words(edge) + " of ScissionLite's protocol, the device " + in_words(device) + ": update the " +
         (device.newest < edge.oldest ? "device" : "edge");
}

}  // namespace scissionlite::protocol
