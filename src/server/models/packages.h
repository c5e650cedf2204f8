// Device packages that devices may fetch: folders below the one of `serve --packages`, each as `prepare --package` wrote it.
//
// A package is offered while the models that its plans need are served: so no device takes a head before its tail is there. What is half copied,
// damaged or replaced right now is not offered.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/log_limit.h"
#include "delivery/listing.h"
#include "server/models/repository.h"

namespace scissionlite::server {

/// A file as it was when it was hashed, open.
struct PackageFileReader {
  Descriptor file;
  int64_t size_bytes = 0;
  int64_t at_ns = 0;  // of its last change
  explicit PackageFileReader(int fd) : file(fd) {}
  /// Up to `limit` bytes at `offset`. @throws Refusal kUnavailable: it has changed since.
  [[nodiscard]] std::string read(int64_t offset, size_t limit) const;
};

/// Safe to use from several threads.
class Packages {
 public:
  /// @param folder  "": nothing is offered. @throws InvalidArgument when it is no folder.
  Packages(fs::path folder, const Repository& repository);

  [[nodiscard]] bool are_offered() const { return !folder_.empty(); }
  /// Looks at the folders, and hashes those that have changed and, unless `is_asked_for`, look as at the last look. What cannot be offered is logged
  /// once.
  void refresh(bool is_asked_for);
  /// Those whose models `may_use` allows.
  [[nodiscard]] std::vector<delivery::Offer> offers(const std::function<bool(const std::string& model)>& may_use) const;
  /// @throws Refusal kNotFound: no such file, or none that `may_use` allows; kUnavailable: it is being replaced.
  [[nodiscard]] std::unique_ptr<PackageFileReader> open(const std::string& sha256,
                                                        const std::function<bool(const std::string& model)>& may_use) const;

 private:
  /// As it was when it was hashed.
  struct KnownFile {
    fs::path path;
    int64_t size_bytes = 0, at_ns = 0;
    uint64_t inode = 0;
  };
  struct Package {
    delivery::Offer offer;
    std::map<std::string, std::string> needs;  // models by name, with their hash: those of all its plans
    std::string state;                         // of the folder
    std::map<std::string, KnownFile> files;    // by hash
  };
  [[nodiscard]] static Package read_package(const fs::path& folder, std::string state);
  [[nodiscard]] bool is_served(const std::string& model, const std::string& sha256) const;
  /// "" when all that it needs is; else the first that is not.
  [[nodiscard]] std::string missing(const Package& package) const;
  /// A package without models is allowed by its own name.
  [[nodiscard]] static bool is_allowed(const Package& package, const std::function<bool(const std::string& model)>& may_use);
  void look_at(const fs::path& folder, bool is_asked_for);

  const fs::path folder_;
  const Repository& repository_;
  std::mutex refreshing_;                       // guards the next two
  std::map<std::string, std::string> seen_;     // states of folders at the last look
  std::map<std::string, std::string> refused_;  // and of those that cannot be offered
  mutable std::mutex mutex_;                    // guards packages_
  std::map<std::string, Package> packages_;     // by name
};

}  // namespace scissionlite::server
