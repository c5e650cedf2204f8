// Files beside a model that hold data of its tensors.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/file.h"

namespace scissionlite {

/// Open for reading. A model may come from anyone, so nothing but a regular file in the model's own folder is opened: no other folder's, no device,
/// no pipe that would be waited for.
class ExternalFile {
 public:
  /// @param location  as the model says, relative to `folder`.
  /// @param whose     what messages begin with: "[onnx import] m.onnx: tensor 'w'".
  /// @throws ModelError saying what is wrong with the location.
  ExternalFile(const fs::path& folder, const std::string& location, const std::string& whose);
  [[nodiscard]] std::string read() const;
  void hash(Sha256& hash) const;

 private:
  void each_piece(const std::function<void(std::string_view)>& take) const;
  fs::path path_;
  Descriptor file_;
  uint64_t size_bytes_ = 0;
};

}  // namespace scissionlite
