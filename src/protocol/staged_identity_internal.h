// A certificate with its key where gRPC's FileWatcherCertificateProvider reads them: a file in this process's memory that is replaced as
// one. The provider alone would take whatever lies in the operator's files, a half-written one too, and serve nobody from then on.
#pragma once

#include <string>

#include "base/descriptor.h"

namespace scissionlite::protocol {

class StagedIdentity {
 public:
  /// @throws ResourceError: no file in memory can be made, or /proc is not mounted.
  explicit StagedIdentity(const std::string& pem);
  /// Readers see the old text or the new one.
  void replace(const std::string& pem);
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(file_.get()); }

 private:
  int64_t generation_ = 1;  // the file's time of change, by which the provider sees that it read two of them
  Descriptor file_;
};

}  // namespace scissionlite::protocol
