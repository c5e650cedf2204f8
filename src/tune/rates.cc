#include "tune/rates.h"

#include <sstream>

#include "base/error.h"
#include "kernels/peak.h"
#include "tune/child.h"

namespace scissionlite::tune {
namespace {

constexpr const char* kCycles = "rate cycles";
constexpr const char* kCopy = "rate copy";
constexpr int64_t kUnits = 1000000;  // cycles, bytes that an entry's time is of

}  // namespace

Database measure_rates(const kernels::VectorLoops& loops, int threads) {
  Child child(
      [&loops, threads]() -> Child::Serve {
        return [&loops, threads](const std::string&) {
          const double macs_per_us = kernels::peak_gflops(threads) * 1e3 / 2;
          std::ostringstream out;
          out << macs_per_us / threads / loops.lanes / 2 << " " << kernels::copy_bytes_per_us(threads);
          return out.str();
        };
      },
      {});
  const auto reply = child.ask("rates");
  if (!reply.failure.empty()) throw InternalError("[tune] the rates of this machine could not be measured: " + reply.failure);
  double cycles_per_us = 0, bytes_per_us = 0;
  std::istringstream(reply.answer) >> cycles_per_us >> bytes_per_us;
  Database out;
  const auto add = [&](const char* problem, const char* unit, double per_us) {
    out.add(key_of(std::string(problem), loops, threads), {"measured", {{unit, kUnits}}, kUnits / per_us, kUnits / per_us, 1, "rate"});
  };
  add(kCycles, "cycles", cycles_per_us);
  add(kCopy, "bytes", bytes_per_us);
  return out;
}

Rates rates_of(const std::function<std::optional<TuningEntry>(const std::string&)>& find) {
  const auto cycles = find(kCycles), copy = find(kCopy);
  if (!cycles || !copy || cycles->median_us <= 0 || copy->median_us <= 0) return {};
  return {kUnits / cycles->median_us, kUnits / copy->median_us, /*is_measured=*/true};
}

}  // namespace scissionlite::tune
