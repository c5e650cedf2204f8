// What a profile has measured so far, kept beside the file to be written, so that a broken run goes on where it stopped.
#pragma once

#include <map>
#include <string>

#include "profile/profile.h"

namespace scissionlite {

class PartialTimings {
 public:
  /// Reads `path` when it is there and was made under the same key (model, machine, engine, options); else starts empty.
  /// An unreadable file is ignored with a warning: it is a cache. An empty path keeps nothing on disk.
  PartialTimings(fs::path path, Json key);
  /// nullptr when not measured yet.
  [[nodiscard]] const Timing* find(const std::string& name) const;
  void put(const std::string& name, const Timing& timing) { timings_[name] = timing; }
  /// Sizes that belong to what was timed; -1 when not known yet.
  [[nodiscard]] int64_t size(const std::string& name) const;
  void put_size(const std::string& name, int64_t bytes) { sizes_[name] = bytes; }
  void save() const;
  void remove() const;
  [[nodiscard]] size_t resumed() const { return resumed_; }

 private:
  fs::path path_;
  Json key_;
  std::map<std::string, Timing> timings_;
  std::map<std::string, int64_t> sizes_;
  size_t resumed_ = 0;
};

}  // namespace scissionlite
