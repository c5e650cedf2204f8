// Every measurement of a search, in a file beside the database, from which a search that was ended goes on.
#pragma once

#include <map>
#include <vector>

#include "tune/database.h"
#include "tune/searcher.h"

namespace scissionlite::tune {

/// A line of JSON each, beside the database (PATH.log).
class MeasurementLog {
 public:
  /// Reads what is there; lines that were cut off are left out with a warning. No file is made before the first `add`.
  /// @throws InvalidArgument for a file that is no such log.
  explicit MeasurementLog(fs::path path);
  struct Line {
    std::string implementation;
    kernels::Knobs knobs;
    Outcome outcome;
  };
  [[nodiscard]] const std::vector<Line>& of(const TuningKey& key) const;
  /// On disk when it returns; locked as the database is. @throws ResourceError.
  void add(const TuningKey& key, const Line& line);

 private:
  void read_line(const std::string& text, const std::string& where);
  fs::path path_;
  std::map<TuningKey, std::vector<Line>> lines_;
};

}  // namespace scissionlite::tune
