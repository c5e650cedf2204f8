// How near one picture is to another, as papers on compression and on reconstruction report it.
#pragma once

#include "vision/vision.h"

namespace scissionlite {

/// Of equal pictures, whose ratio is infinite, and the most that is ever returned.
inline constexpr double kMostPsnrDb = 100;

/// Peak signal-to-noise ratio, 10 log10(255^2 / MSE) in dB over all pixels and channels.
/// @throws InvalidArgument for pictures of different sizes or without pixels.
[[nodiscard]] double psnr_db(const vision::Image& reference, const vision::Image& picture);

/// Structural similarity of luma (BT.601, not rounded), in [-1, 1]: mean over every window of 11 x 11 that lies inside,
/// weighted by a Gaussian of sigma 1.5, K1 = 0.01, K2 = 0.03, L = 255. Source: Wang et al., Image Quality Assessment: From
/// Error Visibility to Structural Similarity, IEEE TIP 13 (2004), Sec. III-B and III-C; differs in: no shrinking beforehand.
/// @throws InvalidArgument as `psnr_db`, and for pictures under 11 pixels.
[[nodiscard]] double ssim(const vision::Image& reference, const vision::Image& picture);

}  // namespace scissionlite
