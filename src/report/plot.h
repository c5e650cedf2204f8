// A plot area with axes, as the charts share it.
#pragma once

#include <functional>
#include <string>

#include "report/markup.h"
#include "report/scale.h"

namespace scissionlite::report {

/// Size of a chart in user units; the page scales it to its width.
struct Frame {
  double width = 1040, height = 400;
  double left = 64, right = 20, top = 16, bottom = 52;
  [[nodiscard]] double x0() const { return left; }
  [[nodiscard]] double x1() const { return width - right; }
  [[nodiscard]] double y0() const { return height - bottom; }  // the axis; y grows downward
  [[nodiscard]] double y1() const { return top; }
};

using Format = std::function<std::string(double)>;
[[nodiscard]] std::string line(double x1, double y1, double x2, double y2, const std::string& css);
/// @param anchor  "start", "middle" or "end".
[[nodiscard]] std::string text(double x, double y, const std::string& words, const std::string& css = "", const std::string& anchor = "");
/// Grid lines and labels of the vertical axis, its name above.
[[nodiscard]] std::string y_axis(const Frame& frame, const Scale& scale, int ticks, const Format& format, const std::string& name);
/// Ticks and labels of the horizontal axis, its name below.
[[nodiscard]] std::string x_axis(const Frame& frame, const Scale& scale, int ticks, const Format& format, const std::string& name);
/// The svg element around `content`, with title and description for those who do not see it.
[[nodiscard]] std::string svg(const Frame& frame, const std::string& id, const std::string& title, const std::string& description,
                              const std::string& content);

}  // namespace scissionlite::report
