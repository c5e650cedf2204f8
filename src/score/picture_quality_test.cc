// PSNR and SSIM against values that scikit-image computes of the same made-up pictures.
#include "score/picture_quality.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace scissionlite {
namespace {

using vision::Image;

/// Three pictures that a line of numpy makes too: v = (a x + b y + c channel + d x y) mod 256.
Image pattern(int width, int height, int a, int b, int c, int d) {
  Image out{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int channel = 0; channel < 3; ++channel) out.rgb.push_back(static_cast<uint8_t>((a * x + b * y + c * channel + d * x * y) % 256));
  return out;
}
Image flat(int side, uint8_t value) { return {side, side, std::vector<uint8_t>(static_cast<size_t>(side) * static_cast<size_t>(side) * 3, value)}; }

TEST(PictureQuality, PsnrByHand) {
  EXPECT_NEAR(psnr_db(flat(16, 100), flat(16, 110)), 28.1308, 1e-4);  // 10 log10(65025 / 100)
  EXPECT_NEAR(psnr_db(flat(16, 0), flat(16, 255)), 0, 1e-12);
  EXPECT_EQ(psnr_db(flat(16, 7), flat(16, 7)), kMostPsnrDb);
  auto one = flat(20, 50);
  one.rgb[0] = 51;  // one level in one of 1,200 values
  EXPECT_NEAR(psnr_db(flat(20, 50), one), 48.1308 + 10 * std::log10(1200), 1e-4);
}

TEST(PictureQuality, SsimByHand) {
  EXPECT_NEAR(ssim(flat(16, 7), flat(16, 7)), 1, 1e-12);
  // Flat pictures differ in the first factor only: (2 * 100 * 150 + 6.5025) / (100^2 + 150^2 + 6.5025).
  EXPECT_NEAR(ssim(flat(12, 100), flat(12, 150)), (2 * 100.0 * 150 + 6.5025) / (100.0 * 100 + 150.0 * 150 + 6.5025), 1e-9);
  const auto picture = pattern(23, 17, 3, 5, 40, 1);
  auto negative = picture;
  for (auto& v : negative.rgb) v = static_cast<uint8_t>(255 - v);
  EXPECT_LT(ssim(picture, negative), 0);
}

// numpy.indices, then skimage.metrics.structural_similarity(x @ luma, y @ luma, gaussian_weights=True, sigma=1.5,
// use_sample_covariance=False, data_range=255) and peak_signal_noise_ratio(x, y, data_range=255), scikit-image 0.25.2.
TEST(PictureQuality, AsScikitImage) {
  struct Case {
    Image a, b;
    double psnr, ssim;
  };
  for (const auto& c : {Case{pattern(32, 24, 3, 2, 20, 0), pattern(32, 24, 3, 2, 25, 0), 31.932916026, 0.998702655},
                        Case{pattern(40, 33, 5, 3, 11, 1), pattern(40, 33, 5, 4, 11, 1), 12.638937341, 0.744616753},
                        Case{pattern(11, 11, 7, 9, 30, 2), pattern(11, 11, 6, 9, 31, 2), 19.630944211, 0.960170990}}) {
    EXPECT_NEAR(psnr_db(c.a, c.b), c.psnr, 1e-6);
    EXPECT_NEAR(ssim(c.a, c.b), c.ssim, 1e-6);
  }
}

TEST(PictureQuality, RefusesWhatCannotBeCompared) {
  EXPECT_THROW((void)psnr_db(flat(16, 1), flat(17, 1)), InvalidArgument);
  EXPECT_THROW((void)psnr_db({}, {}), InvalidArgument);
  EXPECT_THROW((void)ssim(flat(10, 1), flat(10, 1)), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite
