#include "offload/wire_coders.h"

#include "base/error.h"
#include "offload/identity.h"
#include "prepare/coder_files.h"
#include "protocol/stream_codec.h"

namespace scissionlite::offload {

WireCoders::WireCoders(const fs::path& folder, const std::map<std::string, std::string>& hashes) {
  for (const auto& [name, hash] : hashes) coders_.emplace(name, Entry{hash, coding::Coder(load_coder(folder, name))});
}

bool WireCoders::are_known_to(const std::map<std::string, std::string>& claims) const {
  for (const auto& [name, entry] : coders_) {
    const auto claim = claims.find(protocol::coder_claim(name));
    if (claim == claims.end() || claim->second != entry.hash) return false;
  }
  return !coders_.empty();
}

std::optional<protocol::WireTensor> WireCoders::encoded(const std::string& name, const Tensor& codes) {
  const auto found = coders_.find(name);
  if (found == coders_.end()) return std::nullopt;
  std::string stream;
  try {
    (void)found->second.coder.encode(codes.as<uint8_t>(), stream);
  } catch (const InvalidArgument&) {  // of an image with values that are not finite
    return std::nullopt;
  }
  auto input = blob_input(name, std::move(stream), protocol::kStreamCodec);
  input.parameters["coder"] = found->second.hash;
  return input;
}

}  // namespace scissionlite::offload
