#include "vision/resize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "base/error.h"
#include "vision/pixel_loops.h"

namespace scissionlite::vision {
namespace {

double triangle(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

/// Keys' cubic with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

struct Kernel {
  double (*weight)(double);
  double support;  // radius in source pixels at scale 1
};

Kernel kernel_of(Filter filter) { return filter == Filter::kBicubic ? Kernel{cubic, 2} : Kernel{triangle, 1}; }

/// Taps for the outputs [begin, begin + count) of one axis, and the memory of their weights.
struct Axis {
  std::vector<Taps> taps;
  std::vector<int32_t> weights;
};

Axis make_axis(int in_size, int out_size, int begin, int count, const Kernel& kernel) {
  const double scale = static_cast<double>(in_size) / out_size, widening = std::max(1.0, scale);
  const double support = kernel.support * widening;
  const auto most = static_cast<size_t>(std::ceil(support)) * 2 + 1;
  Axis axis{std::vector<Taps>(static_cast<size_t>(count)), std::vector<int32_t>(most * static_cast<size_t>(count))};
  std::vector<double> exact(most);
  for (int i = 0; i < count; ++i) {
    const double centre = (begin + i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(centre - support + 0.5));
    const int n = std::min(in_size, static_cast<int>(centre + support + 0.5)) - first;
    double sum = 0;
    for (int j = 0; j < n; ++j) sum += exact[static_cast<size_t>(j)] = kernel.weight((first + j - centre + 0.5) / widening);
    int32_t* weights = axis.weights.data() + most * static_cast<size_t>(i);
    for (int j = 0; j < n; ++j) weights[j] = static_cast<int32_t>(std::lround(exact[static_cast<size_t>(j)] / sum * (1 << kCoefficientBits)));
    axis.taps[static_cast<size_t>(i)] = {first, n, weights};
  }
  return axis;
}

Image make_image(int width, int height) {
  return {width, height, std::vector<uint8_t>(static_cast<size_t>(width) * static_cast<size_t>(height) * 3)};
}

/// Rows [first_row, first_row + rows) of the image, `window.width` pixels each; a copy where the width stays.
Image resize_across(const Image& image, int width, const Window& window, int first_row, int rows, const Kernel& kernel) {
  const size_t in_stride = static_cast<size_t>(image.width) * 3, out_stride = static_cast<size_t>(window.width) * 3;
  Image out = make_image(window.width, rows);
  const uint8_t* from = image.rgb.data() + in_stride * static_cast<size_t>(first_row);
  uint8_t* to = out.rgb.data();
  if (width == image.width) {
    for (int y = 0; y < rows; ++y, from += in_stride, to += out_stride) std::memcpy(to, from + size_t{3} * static_cast<size_t>(window.x), out_stride);
    return out;
  }
  const Axis axis = make_axis(image.width, width, window.x, window.width, kernel);
  for (int y = 0; y < rows; ++y, from += in_stride, to += out_stride) blend_across(from, axis.taps.data(), axis.taps.size(), to);
  return out;
}

Image resize_smooth(const Image& image, int width, int height, const Window& window, const Kernel& kernel) {
  if (height == image.height) return resize_across(image, width, window, window.y, window.height, kernel);
  const Axis axis = make_axis(image.height, height, window.y, window.height, kernel);
  const int first = axis.taps.front().first, last = axis.taps.back().first + axis.taps.back().count;
  const Image across = resize_across(image, width, window, first, last - first, kernel);
  Image out = make_image(window.width, window.height);
  const size_t stride = static_cast<size_t>(window.width) * 3;
  std::vector<int32_t> sums(stride);
  for (size_t y = 0; y < axis.taps.size(); ++y) {
    Taps taps = axis.taps[y];
    taps.first -= first;
    blend_down(across.rgb.data(), stride, taps, stride, sums.data(), out.rgb.data() + stride * y);
  }
  return out;
}

/// Sums the step instead of multiplying: where a centre falls on the border of two pixels, rounding decides, and
/// Pillow sums.
std::vector<size_t> nearest_sources(int in_size, int out_size, int begin, int count) {
  const double scale = static_cast<double>(in_size) / out_size;
  std::vector<size_t> out;
  double position = scale * 0.5;
  for (int i = 0; i < begin + count; ++i, position += scale)
    if (i >= begin) out.push_back(std::min(static_cast<size_t>(position), static_cast<size_t>(in_size - 1)));
  return out;
}

Image resize_nearest(const Image& image, int width, int height, const Window& window) {
  const auto columns = nearest_sources(image.width, width, window.x, window.width);
  const auto rows = nearest_sources(image.height, height, window.y, window.height);
  Image out = make_image(window.width, window.height);
  uint8_t* to = out.rgb.data();
  for (const size_t row : rows) {
    const uint8_t* from = image.rgb.data() + row * static_cast<size_t>(image.width) * 3;
    for (const size_t column : columns) to = std::copy_n(from + column * 3, 3, to);
  }
  return out;
}

}  // namespace

Image resize(const Image& image, int width, int height, Filter filter, const Window& window) {
  const bool is_inside = window.x >= 0 && window.y >= 0 && window.width >= 1 && window.height >= 1 && window.width <= width - window.x &&
                         window.height <= height - window.y;
  if (image.width < 1 || image.height < 1 || width < 1 || height < 1 || !is_inside)
    throw InvalidArgument("[resize] cannot resize " + std::to_string(image.width) + " x " + std::to_string(image.height) + " pixels to " +
                          std::to_string(width) + " x " + std::to_string(height) + "; expected sizes of at least 1 and a window inside them");
  if (width == image.width && height == image.height) return crop(image, window);
  return filter == Filter::kNearest ? resize_nearest(image, width, height, window) : resize_smooth(image, width, height, window, kernel_of(filter));
}

Image crop(const Image& image, const Window& window) {
  if (window.x == 0 && window.y == 0 && window.width == image.width && window.height == image.height) return image;
  Image out = make_image(window.width, window.height);
  const int left = std::max(0, window.x), right = std::min(image.width, window.x + window.width);
  const int top = std::max(0, window.y), bottom = std::min(image.height, window.y + window.height);
  if (left >= right) return out;
  const auto offset = [](int x, int y, int width) { return (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3; };
  for (int y = top; y < bottom; ++y)
    std::memcpy(out.rgb.data() + offset(left - window.x, y - window.y, window.width), image.rgb.data() + offset(left, y, image.width),
                static_cast<size_t>(right - left) * 3);
  return out;
}

Window centre_window(int image_width, int image_height, int width, int height) {
  const auto start = [](int outer, int inner) { return outer >= inner ? (outer - inner) / 2 : -((inner - outer) / 2); };
  return {start(image_width, width), start(image_height, height), width, height};
}

}  // namespace scissionlite::vision
