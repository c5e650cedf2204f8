// Efficacy of searches for an order of channels in which 2:4 keeps more, on the sample that ASP's is published on. A line of JSON each:
//   {"method": "stripes", "escapes": 1000, "efficacy_percent": 37.0, "seconds": 3.4}
#include <iostream>

#include "base/clock.h"
#include "base/json.h"
#include "compress/asp_sample.h"

int main() {
  using namespace scissionlite;
  const auto sample = compress::asp_sample();
  for (const std::string method : {"swaps", "stripes"})
    for (const int64_t escapes : {0, 100, 1000}) {
      const double start_us = Clock::steady().now_us();
      const auto order = compress::best_order(sample, {.method = method, .escapes = escapes});
      const double seconds = (Clock::steady().now_us() - start_us) * 1e-6;
      std::cout << Json{{"method", method}, {"escapes", escapes}, {"efficacy_percent", 100 * compress::efficacy(sample, order)}, {"seconds", seconds}}
                       .dump()
                << "\n";
    }
}
