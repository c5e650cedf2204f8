// What this machine can do at most, measured here.
#pragma once

namespace scissionlite::kernels {

/// Multiply-adds of one register tile over data in L1, times two, on all threads: what a kernel cannot pass. In 1e9 a second. About 2 ms.
[[nodiscard]] double peak_gflops(int threads);

/// Bytes read and written a microsecond while copying what no L2 holds, on all threads. About 20 ms.
[[nodiscard]] double copy_bytes_per_us(int threads);

}  // namespace scissionlite::kernels
