// Where `prepare` may write. What it replaces it replaces whole, so all that lies there has to be what it wrote itself.
#pragma once

#include <string>
#include <vector>

#include "base/file.h"

namespace scissionlite {

/// For a device package. @throws InvalidArgument: `folder` is there, is not empty, and is no device package or holds more than `prepare` writes.
void check_package_place(const fs::path& folder);
/// The same for a model's folder in a repository.
void check_model_place(const fs::path& folder);

/// A folder that is to be written, as messages name it ("the device package").
struct Place {
  std::string what;
  fs::path folder;  // empty: not written
};
/// @throws InvalidArgument when one is, or lies inside, another: what is written last would replace the other.
void check_apart(const std::vector<Place>& places);

/// Folders that are made on the way go again unless they are kept: a refused command leaves nothing behind.
class MadeFolders {
 public:
  MadeFolders() = default;
  ~MadeFolders();
  MadeFolders(const MadeFolders&) = delete;
  MadeFolders& operator=(const MadeFolders&) = delete;
  /// Before `folder` is made, and those that it lies in.
  void expect(const fs::path& folder);
  void keep() { made_.clear(); }

 private:
  std::vector<fs::path> made_;  // outer ones first
};

}  // namespace scissionlite
