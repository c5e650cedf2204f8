// What tuning found, by operator, type, instruction set, CPU and threads: a file that several tuners may add to at once. Beside it lies
// the log of every measurement (measurement_log.h).
#pragma once

#include <compare>
#include <map>

#include "base/json.h"
#include "kernels/int8/conv.h"
#include "tune/conv_with_end.h"

namespace scissionlite::tune {

/// What a time belongs to.
struct TuningKey {
  std::string problem;        // ConvWithEnd::text(), ChainOfConvs::text(), text_of(Int8Problem), or a rate of rates.h
  std::string dtype = "f32";  // kDtypeOfBytes of an Int8Problem
  std::string isa;            // VectorLoops::isa, Int8Loops::isa
  std::string cpu;            // MachineInfo::cpu
  int threads = 1;
  auto operator<=>(const TuningKey&) const = default;
};
/// Of convolutions of bytes.
constexpr const char* kDtypeOfBytes = "int8";
/// On this machine.
[[nodiscard]] TuningKey key_of(const std::string& problem, const kernels::VectorLoops& loops, int threads);
[[nodiscard]] TuningKey key_of(const kernels::Int8Problem& problem, const kernels::Int8Loops& loops, int threads);
[[nodiscard]] TuningKey key_of(const ConvWithEnd& conv, const kernels::VectorLoops& loops, int threads);

/// A generated kernel, which lies beside the database (objects.h).
struct KernelRecord {
  std::string sha256;     // of the shared object, 64 hexadecimal digits
  std::string target;     // KernelPlan::target
  int64_t interface = 0;  // kernels::kKernelInterface
  bool operator==(const KernelRecord&) const = default;
};

struct TuningEntry {
  std::string implementation;
  kernels::Knobs knobs;
  double median_us = 0;
  double usual_us = 0;                      // of the choice without tuning, measured in turns with this one
  int64_t measured = 0;                     // configurations
  std::string method;                       // of the search
  std::optional<KernelRecord> kernel = {};  // of the implementation `generated`
};

/// Of verdicts on whole networks: `method`, and their two implementations. `measured` counts rounds.
constexpr const char* kOfNetwork = "network";
constexpr const char* kTuned = "tuned";
constexpr const char* kUsual = "usual";

struct Database {
  std::map<TuningKey, TuningEntry> entries;
  /// Keeps the faster where there is one already; of verdicts on whole networks the newer.
  void add(const TuningKey& key, const TuningEntry& entry);
  void merge(const Database& other);
};

/// "scissionlite.tuning/1". @throws InvalidArgument naming the field.
[[nodiscard]] Database database_from_json(const Json& json, const std::string& where);
[[nodiscard]] Json to_json(const Database& database);
/// @throws InvalidArgument, ResourceError.
[[nodiscard]] Database load_database(const fs::path& path);
/// Merges `more` into the file, which is made when it is not there. Takes the lock PATH.lock: others may do the same at once. A file
/// that is not a tuning file stays as it is. @return what the file holds now. @throws InvalidArgument, ResourceError.
Database update_database(const fs::path& path, const Database& more);

}  // namespace scissionlite::tune
