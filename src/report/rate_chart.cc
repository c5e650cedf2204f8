// Chart 4: agreement over bytes (log scale), a curve a family of transfer layers and image codecs.
#include <algorithm>

#include "report/charts.h"
#include "report/plot.h"

namespace scissionlite::report {
namespace {

constexpr size_t kColours = 8;  // of the style; further curves share the last one

std::string tip_of(const RatePoint& point) {
  return point.label + (point.is_chosen ? " (chosen)" : "") + "\n" + bytes_text(point.bytes) + " an image\nagreement " +
         percent(point.agreement.share) + " (" + interval_words(point.agreement) + ")";
}

std::string point_mark(const RatePoint& point, double x, double y) {
  std::string marks = element("circle", {{"cx", coordinate(x)}, {"cy", coordinate(y)}, {"r", point.is_chosen ? "6.5" : "4"}});
  if (point.is_chosen) marks += element("circle", {{"cx", coordinate(x)}, {"cy", coordinate(y)}, {"r", "11"}, {"class", "ring"}});
  return element("g", {{"class", "rate-point"}, {"data-key", point.key}, {"data-tip", tip_of(point)}}, marks);
}

}  // namespace

std::string rate_chart(const RateView& view) {
  double low = 1e300, high = 0;
  size_t points = 0;
  for (const auto& curve : view.curves)
    for (const auto& point : curve.points) low = std::min(low, point.bytes), high = std::max(high, point.bytes), ++points;
  if (points == 0) return "";
  const Frame frame{.height = 420, .right = 190, .top = 34};
  const auto x = Scale::logarithmic(low / 1.2, high * 1.2, frame.x0(), frame.x1());
  const auto y = Scale::linear(0, 1, frame.y0(), frame.y1());
  std::string out = y_axis(
                        frame, y, 10, [](double v) { return percent(v); }, "same answer as the uncut model") +
                    x_axis(
                        frame, x, 9, [](double v) { return bytes_text(v); }, "bytes sent an image (log scale)");
  constexpr double kLegendLine = 20;
  for (size_t i = 0; i < view.curves.size(); ++i) {
    const auto& curve = view.curves[i];
    const std::string css = "c" + std::to_string(std::min(i, kColours - 1));
    std::string path, marks;
    for (const auto& point : curve.points) {
      const double px = x(point.bytes), py = y(point.agreement.share);
      path += (path.empty() ? "M" : "L") + coordinate(px) + " " + coordinate(py);
      marks += point_mark(point, px, py);
    }
    const double legend = frame.y1() + 10 + kLegendLine * static_cast<double>(i);
    out += element("g", {{"class", "curve rate " + css}, {"data-name", curve.name}}, element("path", {{"d", path}}) + marks) +
           element("g", {{"class", "curve-label " + css}},
                   line(frame.x1() + 14, legend - 4, frame.x1() + 34, legend - 4, "") + text(frame.x1() + 40, legend, curve.name));
  }
  return svg(frame, "chart-rate", "Agreement over bytes",
             std::to_string(points) + " candidates in " + std::to_string(view.curves.size()) + " families, at cut " + view.cut_id + ".", out);
}

}  // namespace scissionlite::report
