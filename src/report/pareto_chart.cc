// Chart 2: latency against bytes, coloured by agreement; the Pareto front of the three is filled, the rest is faint.
#include <algorithm>
#include <cmath>

#include "report/charts.h"
#include "report/plot.h"

namespace scissionlite::report {
namespace {

constexpr double kZeroLane = 30;  // height of the lane for candidates that send nothing

struct Range {
  double low = 1e300, high = 0;
  void take(double value) {
    if (value <= 0) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

/// Circle: split; square: edge only; triangle: local.
std::string mark_of(const ParetoPoint& point, double x, double y, double r) {
  if (point.key == "local")
    return element("path", {{"d", "M" + coordinate(x) + " " + coordinate(y - 1.25 * r) + "l" + coordinate(1.2 * r) + " " + coordinate(2.1 * r) + "h" +
                                      coordinate(-2.4 * r) + "z"}});
  if (point.key.rfind("edge/", 0) == 0)
    return element("rect",
                   {{"x", coordinate(x - r)}, {"y", coordinate(y - r)}, {"width", coordinate(2 * r)}, {"height", coordinate(2 * r)}, {"rx", "1.5"}});
  return element("circle", {{"cx", coordinate(x)}, {"cy", coordinate(y)}, {"r", coordinate(r * 1.1)}});
}

std::string tip_of(const ParetoPoint& point) {
  return point.label + (point.is_chosen ? " (chosen)" : "") + "\n" + ms(point.latency_us) + ", " + bytes_text(point.bytes) + " sent" +
         (point.agreement.is_known() ? "\nagreement " + percent(point.agreement.share) + " (" + interval_words(point.agreement) + ")"
                                     : ", agreement not measured") +
         (point.on_front ? "\non the Pareto front" : "");
}

std::string plain(double value, double unit) {
  std::string out = coordinate(value / unit);
  return out;
}

}  // namespace

std::string agreement_class(double agreement) {
  if (agreement < 0) return "a0";
  if (agreement >= 0.98) return "a5";
  if (agreement >= 0.95) return "a4";
  if (agreement >= 0.90) return "a3";
  return agreement >= 0.80 ? "a2" : "a1";
}

std::string pareto_chart(const std::vector<ParetoPoint>& points) {
  if (points.empty()) return "";
  Range latency, bytes;
  for (const auto& point : points) latency.take(point.latency_us), bytes.take(point.bytes);
  if (bytes.high == 0) bytes = {1e3, 1e4};
  const Frame frame{.height = 420, .left = 74, .top = 34, .bottom = 52 + kZeroLane};
  const auto x = Scale::logarithmic(latency.low / 1.12, latency.high * 1.12, frame.x0(), frame.x1());
  const auto y = Scale::logarithmic(bytes.low / 1.4, bytes.high * 1.4, frame.y0(), frame.y1());
  const double zero = frame.y0() + kZeroLane / 2;
  Frame axis = frame;
  axis.bottom -= kZeroLane;
  std::string out = y_axis(
                        frame, y, 7, [](double v) { return bytes_text(v); }, "bytes sent an image (log scale)") +
                    element("rect", {{"x", coordinate(frame.x0())},
                                     {"y", coordinate(frame.y0())},
                                     {"width", coordinate(frame.x1() - frame.x0())},
                                     {"height", coordinate(kZeroLane)},
                                     {"class", "lane"}}) +
                    text(frame.x0() - 8, zero + 4, "nothing", "tick", "end") +
                    x_axis(
                        axis, x, 9, [](double v) { return plain(v, 1e3); }, "latency, ms (log scale)");
  auto order = points;  // the front last, so that it lies on top
  std::stable_sort(order.begin(), order.end(),
                   [](const ParetoPoint& a, const ParetoPoint& b) { return a.on_front + 2 * a.is_chosen < b.on_front + 2 * b.is_chosen; });
  size_t on_front = 0;
  for (const auto& point : order) {
    const double px = x(point.latency_us), py = point.bytes > 0 ? y(point.bytes) : zero;
    on_front += point.on_front;
    std::string marks = mark_of(point, px, py, point.on_front ? 6 : 4.2);
    if (point.is_chosen)
      marks += element("circle", {{"cx", coordinate(px)}, {"cy", coordinate(py)}, {"r", "11"}, {"class", "ring"}}) +
               text(px + (px > frame.x1() - 80 ? -16 : 16), py + 4, "chosen", "chosen-mark", px > frame.x1() - 80 ? "end" : "start");
    out += element("g",
                   {{"class", "point " + agreement_class(point.agreement.share) + (point.on_front ? " front" : " off-front")},
                    {"data-key", point.key},
                    {"data-tip", tip_of(point)}},
                   marks);
  }
  return svg(
      frame, "chart-pareto", "Latency against bytes sent",
      std::to_string(points.size()) + " candidates, " + std::to_string(on_front) + " of them on the Pareto front of latency, bytes and agreement.",
      out);
}

}  // namespace scissionlite::report
