// Entropy coding on the device: codes that cross as streams where the edge says that it can read them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "coding/coder.h"
#include "prepare/package.h"
#include "protocol/client.h"

namespace scissionlite::device {

/// The coders of a package, by wire tensor. One caller at a time.
class WireCoders {
 public:
  WireCoders() = default;
  /// @throws InvalidArgument for a damaged coder file.
  explicit WireCoders(const DevicePackage& package);

  /// Whether an edge that claims this reads every stream of this package; no when there are none.
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

}  // namespace scissionlite::device
