// How two ScissionLite ends agree on entropy-coded inputs.
//
// An edge that can decode input X claims "coder.X" = SHA-256 of the code model, as a parameter of the model's config; a
// claim in a file of the repository is not enough, so that a stock server never makes it. The device then sends X with
// datatype BYTES, a stream an image, and the parameters codec = "rans" and coder = the hash.
#pragma once

#include <string>

namespace scissionlite::protocol {

inline constexpr const char* kStreamCodec = "rans";
[[nodiscard]] inline std::string coder_claim(const std::string& input) { return "coder." + input; }

}  // namespace scissionlite::protocol
