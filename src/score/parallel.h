// A loop over images on several threads.
#pragma once

#include <cstdint>
#include <functional>

namespace scissionlite {

/// Calls body(worker, i) for i in [0, n) on `workers` threads; worker in [0, workers). Each i is handed out once, in
/// order. The first exception stops the handing out and is rethrown here.
void parallel_for(int64_t n, int workers, const std::function<void(int worker, int64_t i)>& body);

}  // namespace scissionlite
