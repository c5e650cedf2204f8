#include "score/picture_quality.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace scissionlite {
namespace {

constexpr int kWindow = 11;
constexpr double kSigma = 1.5, kK1 = 0.01, kK2 = 0.03, kPeak = 255;

std::string size_of(const vision::Image& image) { return std::to_string(image.width) + " x " + std::to_string(image.height); }

void check_sizes(const vision::Image& a, const vision::Image& b, const char* what) {
  if (a.width == b.width && a.height == b.height && a.rgb.size() == b.rgb.size() && !a.rgb.empty()) return;
  throw InvalidArgument(std::string("[") + what + "] pictures of " + size_of(a) + " and " + size_of(b) + " pixels; expected two of one size");
}

/// One number a pixel.
struct Plane {
  int width = 0, height = 0;
  std::vector<double> v;
};

Plane luma(const vision::Image& image) {
  Plane out{image.width, image.height, std::vector<double>(image.rgb.size() / 3)};
  for (size_t i = 0; i < out.v.size(); ++i) out.v[i] = 0.299 * image.rgb[3 * i] + 0.587 * image.rgb[3 * i + 1] + 0.114 * image.rgb[3 * i + 2];
  return out;
}

std::array<double, kWindow> gaussian() {
  std::array<double, kWindow> w{};
  for (int i = 0; i < kWindow; ++i) w[static_cast<size_t>(i)] = std::exp(-(i - kWindow / 2) * (i - kWindow / 2) / (2 * kSigma * kSigma));
  const double sum = std::accumulate(w.begin(), w.end(), 0.0);
  for (auto& value : w) value /= sum;
  return w;
}

/// Weighted means of the windows that lie inside, first across, then down.
Plane window_means(const Plane& in) {
  static const auto kWeights = gaussian();
  Plane across{in.width - kWindow + 1, in.height, {}}, out{across.width, in.height - kWindow + 1, {}};
  for (int y = 0; y < across.height; ++y)
    for (int x = 0; x < across.width; ++x)
      across.v.push_back(std::inner_product(kWeights.begin(), kWeights.end(), in.v.begin() + static_cast<std::ptrdiff_t>(y) * in.width + x, 0.0));
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      double sum = 0;
      for (int k = 0; k < kWindow; ++k)
        sum += kWeights[static_cast<size_t>(k)] * across.v[static_cast<size_t>(y + k) * static_cast<size_t>(across.width) + static_cast<size_t>(x)];
      out.v.push_back(sum);
    }
  return out;
}

Plane product(const Plane& a, const Plane& b) {
  Plane out = a;
  for (size_t i = 0; i < out.v.size(); ++i) out.v[i] *= b.v[i];
  return out;
}

}  // namespace

double psnr_db(const vision::Image& reference, const vision::Image& picture) {
  check_sizes(reference, picture, "psnr");
  double sum = 0;
  for (size_t i = 0; i < reference.rgb.size(); ++i) {
    const double difference = static_cast<double>(reference.rgb[i]) - picture.rgb[i];
    sum += difference * difference;
  }
  const double mse = sum / static_cast<double>(reference.rgb.size());
  return mse > 0 ? std::min(kMostPsnrDb, 10 * std::log10(kPeak * kPeak / mse)) : kMostPsnrDb;
}

double ssim(const vision::Image& reference, const vision::Image& picture) {
  check_sizes(reference, picture, "ssim");
  if (std::min(reference.width, reference.height) < kWindow)
    throw InvalidArgument("[ssim] a picture of " + size_of(reference) + " pixels; expected at least " + std::to_string(kWindow) + " each way");
  const Plane x = luma(reference), y = luma(picture);
  const Plane mx = window_means(x), my = window_means(y), xx = window_means(product(x, x)), yy = window_means(product(y, y)),
              xy = window_means(product(x, y));
  constexpr double c1 = kK1 * kPeak * kK1 * kPeak, c2 = kK2 * kPeak * kK2 * kPeak;
  double sum = 0;
  for (size_t i = 0; i < mx.v.size(); ++i) {
    const double a = mx.v[i], b = my.v[i], var_x = xx.v[i] - a * a, var_y = yy.v[i] - b * b, cov = xy.v[i] - a * b;
    sum += (2 * a * b + c1) * (2 * cov + c2) / ((a * a + b * b + c1) * (var_x + var_y + c2));
  }
  return sum / static_cast<double>(mx.v.size());
}

}  // namespace scissionlite
