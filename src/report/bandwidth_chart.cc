// Chart 3: latency over the bandwidth of the link, both on log axes, with the bandwidths at which the best plan changes.
#include <algorithm>
#include <cmath>

#include "report/charts.h"
#include "report/plot.h"

namespace scissionlite::report {
namespace {

constexpr int kSteps = 96;

struct Domain {
  double low, high;
};

/// A decade around everything that happens, within 10 kbit/s and 100 Gbit/s.
Domain domain_of(const BandwidthView& view) {
  Domain domain{view.link_bps / 20, view.link_bps * 20};
  for (const auto& crossing : view.crossings)
    if (crossing.bandwidth_bps > 1e4 && crossing.bandwidth_bps < 1e11)
      domain = {std::min(domain.low, crossing.bandwidth_bps / 3), std::max(domain.high, crossing.bandwidth_bps * 3)};
  return {std::max(1e4, domain.low), std::min(1e11, domain.high)};
}

double best_at(const BandwidthView& view, double bps) {
  double best = 1e300;
  for (const auto& curve : view.curves) best = std::min(best, curve.latency_us(bps));
  return best;
}

std::string path_of(const Curve& curve, const Scale& x, const Scale& y) {
  std::string path;
  for (int i = 0; i <= kSteps; ++i) {
    const double bps = x.low() * std::pow(x.high() / x.low(), static_cast<double>(i) / kSteps);
    path += (i ? "L" : "M") + coordinate(x(bps)) + " " + coordinate(y(curve.latency_us(bps)));
  }
  return path;
}

/// Labels at the right end, pushed apart downward and then back up into the frame.
std::vector<double> label_heights(const BandwidthView& view, const Scale& x, const Scale& y, const Frame& frame) {
  constexpr double kLine = 17;
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < view.curves.size(); ++i) order.push_back({std::clamp(y(view.curves[i].latency_us(x.high())), frame.y1(), frame.y0()), i});
  std::sort(order.begin(), order.end());
  for (size_t i = 1; i < order.size(); ++i) order[i].first = std::max(order[i].first, order[i - 1].first + kLine);
  double limit = frame.y0() + 4;
  for (size_t i = order.size(); i-- > 0; limit = order[i].first - kLine) order[i].first = std::min(order[i].first, limit);
  std::vector<double> out(order.size());
  for (const auto& [height, index] : order) out[index] = height;
  return out;
}

std::string shorten(const std::string& label) {
  constexpr size_t kMost = 31;
  return label.size() <= kMost ? label : label.substr(0, kMost - 1) + "\u2026";
}

std::string tip_of(const Curve& curve, double link_bps) {
  return curve.label + (curve.is_chosen ? " (chosen)" : "") + "\n" + ms(curve.latency_us(link_bps)) + " at " + bandwidth(link_bps) + "; " +
         ms(curve.fixed_us) + " without the wire's rate, " + bytes_text(curve.bits / 8) + " sent";
}

std::string crossing_marks(const BandwidthView& view, const Frame& frame, const Scale& x, const Scale& y) {
  std::string out;
  constexpr double kLabelWidth = 84;
  const double link = x(view.link_bps);
  double last_label = -1e9;
  int row = 0;
  for (const auto& crossing : view.crossings) {
    if (crossing.bandwidth_bps < x.low() || crossing.bandwidth_bps > x.high()) continue;
    const double px = x(crossing.bandwidth_bps), py = y(crossing.latency_us);
    row = px - last_label < 96 ? (row + 1) % 3 : 0;
    last_label = px;
    const bool is_left = px <= link && link < px + kLabelWidth;  // the line of this link would strike it through
    const std::string tip = "Break-even at " + bandwidth(crossing.bandwidth_bps) + ": " + ms(crossing.latency_us) +
                            "\nbelow: " + label_of(crossing.below) + "\nabove: " + label_of(crossing.above);
    out += element(
        "g", {{"class", "crossing"}, {"data-below", crossing.below}, {"data-above", crossing.above}, {"data-tip", tip}},
        line(px, py, px, frame.y0(), "drop") + element("circle", {{"cx", coordinate(px)}, {"cy", coordinate(py)}, {"r", "5"}}) +
            text(px + (is_left ? -5 : 5), frame.y0() - 8 - 15 * row, bandwidth(crossing.bandwidth_bps), "crossing-label", is_left ? "end" : "start"));
  }
  return out;
}

}  // namespace

std::string bandwidth_chart(const BandwidthView& view) {
  if (view.curves.empty()) return "";
  const Frame frame{.height = 440, .right = 236, .top = 46};
  const auto domain = domain_of(view);
  const auto x = Scale::logarithmic(domain.low, domain.high, frame.x0(), frame.x1());
  const double lowest = best_at(view, domain.high) / 1.5, slowest = best_at(view, domain.low) * 3;
  const auto y = Scale::logarithmic(lowest * 1e-3, slowest * 1e-3, frame.y0(), frame.y1());
  const auto pixels = Scale::logarithmic(lowest, slowest, frame.y0(), frame.y1());
  const auto heights = label_heights(view, x, pixels, frame);
  std::string out = y_axis(
                        frame, y, 7, [](double v) { return coordinate(v); }, "latency, ms (log scale)") +
                    x_axis(
                        frame, x, 8, [](double v) { return bandwidth(v); }, "bandwidth of the link (log scale)") +
                    element("clipPath", {{"id", "bandwidth-clip"}},
                            element("rect", {{"x", coordinate(frame.x0())},
                                             {"y", coordinate(frame.y1())},
                                             {"width", coordinate(frame.x1() - frame.x0())},
                                             {"height", coordinate(frame.y0() - frame.y1())}}));
  std::string lines, labels;
  for (size_t i = view.curves.size(); i-- > 0;) {
    const auto& curve = view.curves[i];
    const std::string css = "c" + std::to_string(i) + (curve.is_chosen ? " chosen" : "");
    const std::string path = path_of(curve, x, pixels);
    lines += element("g", {{"class", "curve " + css}, {"data-key", curve.key}, {"data-tip", tip_of(curve, view.link_bps)}},
                     element("path", {{"d", path}, {"class", "wide"}}) + element("path", {{"d", path}}));
    const double end = std::clamp(pixels(curve.latency_us(domain.high)), frame.y1(), frame.y0());
    labels += element("g", {{"class", "curve-label " + css}},
                      element("path", {{"d", "M" + coordinate(frame.x1() + 2) + " " + coordinate(end) + "L" + coordinate(frame.x1() + 18) + " " +
                                                 coordinate(heights[i])}}) +
                          text(frame.x1() + 22, heights[i] + 4, shorten(curve.label)));
  }
  const double link = x(view.link_bps);
  out += element("rect", {{"id", "bandwidth-area"},
                          {"x", coordinate(frame.x0())},
                          {"y", coordinate(frame.y1())},
                          {"width", coordinate(frame.x1() - frame.x0())},
                          {"height", coordinate(frame.y0() - frame.y1())},
                          {"class", "hit"},
                          {"data-low", coordinate(domain.low)},
                          {"data-high", coordinate(domain.high)}}) +
         line(link, frame.y1() - 4, link, frame.y0(), "link") +
         text(link, frame.y1() - 12, "this link: " + bandwidth(view.link_bps), "link-label", "middle") +
         element("g", {{"clip-path", "url(#bandwidth-clip)"}}, lines) + labels + crossing_marks(view, frame, x, pixels);
  return svg(frame, "chart-bandwidth", "Latency over bandwidth",
             std::to_string(view.curves.size()) + " candidates; the best one changes at " + std::to_string(view.crossings.size()) + " bandwidths.",
             out);
}

}  // namespace scissionlite::report
