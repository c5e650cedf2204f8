// Max pooling of images of bit planes: codes are compared plane by plane, 64 channels at a time.
#pragma once

#include <cstdint>

namespace scissionlite::kernels {

/// x (n, h, w) pixels of `bits` planes, y (n, out_h, out_w) likewise; a window has at least one pixel within the image.
struct MaxOfPlanes {
  int64_t n = 1, channels = 1, h = 1, w = 1, out_h = 1, out_w = 1;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, top = 0, left = 0;
  int bits = 1;
};
void max_of_planes(const MaxOfPlanes& pool, const uint8_t* x, uint8_t* y, int threads);

}  // namespace scissionlite::kernels
