// Entropy coding where codes are sent: codes that cross as streams where the edge says that it can read them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/file.h"
#include "coding/coder.h"
#include "protocol/client.h"

namespace scissionlite::offload {

/// The coders of a folder, by wire tensor. One caller at a time.
class WireCoders {
 public:
  WireCoders() = default;
  /// @throws InvalidArgument for a damaged coder file.
  /// @param hashes  of the code models that are expected, as in the manifest.
  WireCoders(const fs::path& folder, const std::map<std::string, std::string>& hashes);

  /// Whether an edge that claims this reads every stream; no when there are none.
  [[nodiscard]] bool are_known_to(const std::map<std::string, std::string>& claims) const;
  /// The stream of `codes` as an input, or nothing where the tensor has no coder or a symbol that it cannot take.
  [[nodiscard]] std::optional<protocol::WireTensor> encoded(const std::string& name, const Tensor& codes);

 private:
  struct Entry {
    std::string hash;
    coding::Coder coder;
  };
  std::map<std::string, Entry> coders_;
};

}  // namespace scissionlite::offload
