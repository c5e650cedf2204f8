// What fuzz targets check by: a trap, which every driver takes for a crash.
#pragma once

inline void require(bool condition) {
  if (!condition) __builtin_trap();
}
