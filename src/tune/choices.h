// The entries of a database that fit this machine, as the engine asks for them.
#pragma once

#include <memory>

#include "tune/database.h"

namespace scissionlite::tune {

class Choices {
 public:
  /// Keeps the entries of this CPU, instruction set and number of threads; says so in the log where there are others only.
  /// @param where  names the database in messages.
  Choices(const Database& database, const std::string& where, const kernels::VectorLoops& loops, int threads);

  /// Of an entry whose implementation and knobs are known here, else a warning and nothing.
  [[nodiscard]] std::optional<kernels::ConvChoice> find(const kernels::ConvProblem& problem) const;
  /// Its entry, whether known here or not; null when there is none.
  [[nodiscard]] const TuningEntry* entry(const kernels::ConvProblem& problem) const;
  [[nodiscard]] size_t size() const { return entries_.size(); }

 private:
  /// Brings the entry's kernel into this process. False, with a warning that says why, when it cannot.
  [[nodiscard]] bool bring_kernel(const kernels::ConvProblem& problem, const TuningEntry& entry) const;
  std::string where_;
  const kernels::VectorLoops& loops_;
  std::map<std::string, TuningEntry> entries_;  // by problem
};

/// Of the file at `path`; if that is empty, of the one that the environment variable SCISSIONLITE_TUNING names; null where there is
/// neither. @throws InvalidArgument, ResourceError as load_database.
[[nodiscard]] std::shared_ptr<const Choices> load_choices(const std::string& path, const kernels::VectorLoops& loops, int threads);

/// The file that load_choices reads, empty where there is none.
[[nodiscard]] std::string choices_file(const std::string& path);

/// The tuned choice where there is one, else usual_conv.
[[nodiscard]] kernels::ConvChoice choose_conv(const kernels::ConvProblem& problem, const kernels::VectorLoops& loops, const Choices* choices);

/// Why `choose_conv` chose it, in words: "estimated at 1.2 M cycles; next: direct at 1.9 M".
[[nodiscard]] std::string reason_of(const kernels::ConvChoice& choice, const kernels::ConvProblem& problem, const kernels::VectorLoops& loops, const Choices* choices);

}  // namespace scissionlite::tune
