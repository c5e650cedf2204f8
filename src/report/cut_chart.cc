// Chart 1: latency by cut, stacked into device, encode, wire, decode, edge, answer.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/charts.h"
#include "report/plot.h"

namespace scissionlite::report {
namespace {

std::string tip_of(const CutBar& bar) {
  std::string tip = bar.label + (bar.is_chosen ? " (chosen)" : "") + "\n" + ms(bar.parts.total()) + ", " + bytes_text(bar.bytes) + " sent";
  if (bar.agreement.is_known()) tip += "\nagreement " + percent(bar.agreement.share) + " (" + interval_words(bar.agreement) + ")";
  if (!bar.is_feasible) tip += "\nmisses a constraint of the plan";
  return tip + "\n" + parts_text(bar.parts);
}

/// Bars take an even share of the width; the two ends stand a little apart.
struct Columns {
  double start, step, width, gap;
  size_t ends_before;
  [[nodiscard]] double x(size_t i, bool is_last_end) const {
    return start + static_cast<double>(i) * step + (i >= ends_before ? gap : 0) + (is_last_end ? gap : 0);
  }
};

Columns columns_of(const std::vector<CutBar>& bars, const Frame& frame) {
  constexpr double kGap = 14, kWidest = 64;
  const double step = std::min(kWidest * 1.25, (frame.x1() - frame.x0() - 2 * kGap) / static_cast<double>(bars.size()));
  return {frame.x0() + step * 0.1 + 4, step, step > 4 ? step * 0.8 : step * 0.94, kGap, bars.front().is_end ? size_t{1} : size_t{0}};
}

/// Nothing is drawn above `limit`, the top of the frame.
std::string stack_of(const CutBar& bar, double x, double width, const Scale& scale, double limit) {
  std::string out;
  double sum = 0;
  for (const auto& kind : kPartKinds) {
    const double value = bar.parts.*kind.value;
    if (value <= 0) continue;
    const double top = std::max(limit, scale(sum + value)), bottom = std::max(limit, scale(sum));
    out += element(
        "rect",
        {{"x", coordinate(x)}, {"y", coordinate(top)}, {"width", coordinate(width)}, {"height", coordinate(bottom - top)}, {"class", kind.css}});
    sum += value;
  }
  return out;
}

std::string bar_label(const CutBar& bar) {
  if (!bar.is_end) return bar.cut_id;
  return bar.key == "local" ? "local" : "edge";
}

/// A few giants must not flatten the rest: the axis ends at four times the median unless the choice or an end is higher.
double axis_top(const std::vector<CutBar>& bars) {
  std::vector<double> totals;
  for (const auto& bar : bars) totals.push_back(bar.parts.total());
  std::sort(totals.begin(), totals.end());
  const double limit = 4 * totals[totals.size() / 2];
  double top = 0;
  for (const auto& bar : bars)
    if (bar.is_chosen || bar.is_end || bar.parts.total() <= limit) top = std::max(top, bar.parts.total());
  return top;
}

/// A bar that is cut off at the top says how high it is, where there is room.
std::string clipped_mark(double x, double width, double y, double total_us) {
  constexpr double kRoom = 50;
  return text(x + width / 2, y - 4, width < kRoom ? "\u2191" : "\u2191 " + ms(total_us), "tick clipped", "middle");
}

/// Over the bar, inside the frame.
std::string chosen_mark(double x, double y, const Frame& frame) {
  constexpr double kHalfWidth = 34;
  return text(std::clamp(x, frame.x0() + kHalfWidth, frame.x1() - kHalfWidth), y - 8, "\u25bc chosen", "chosen-mark", "middle");
}

}  // namespace

std::string parts_text(const Parts& parts) {
  std::vector<std::string> words;
  for (const auto& kind : kPartKinds)
    if (parts.*kind.value > 0) words.push_back(std::string(kind.name) + " " + ms(parts.*kind.value));
  return join(words, " + ");
}

std::string cut_chart(const std::vector<CutBar>& bars) {
  if (bars.empty()) return "";
  Frame frame{.top = 34};
  const double highest = axis_top(bars) * 1.04;
  const auto scale = Scale::linear(0, highest * 1e-3, frame.y0(), frame.y1());
  const auto pixels = Scale::linear(0, highest, frame.y0(), frame.y1());
  const auto columns = columns_of(bars, frame);
  const size_t label_every = std::max<size_t>(1, static_cast<size_t>(std::ceil(34 / columns.step)));
  std::string out = y_axis(
      frame, scale, 6, [](double v) { return coordinate(v); }, "latency, ms");
  std::string labels, chosen;
  for (size_t i = 0; i < bars.size(); ++i) {
    const auto& bar = bars[i];
    const double x = columns.x(i, bar.is_end && i > 0), top = std::max(frame.y1(), pixels(bar.parts.total()));
    std::string marks = stack_of(bar, x, columns.width, pixels, frame.y1());
    if (bar.parts.total() > highest) marks += clipped_mark(x, columns.width, frame.y1(), bar.parts.total());
    if (bar.is_chosen) chosen = chosen_mark(x + columns.width / 2, top, frame);
    // The whole column takes the pointer, not only the coloured part.
    marks += element("rect", {{"x", coordinate(x - columns.step * 0.1)},
                              {"y", coordinate(frame.y1())},
                              {"width", coordinate(columns.step)},
                              {"height", coordinate(frame.y0() - frame.y1())},
                              {"class", "hit"}});
    out += element("g",
                   {{"class", std::string("bar") + (bar.is_feasible ? "" : " infeasible") + (bar.is_chosen ? " chosen" : "")},
                    {"data-key", bar.key},
                    {"data-tip", tip_of(bar)}},
                   marks);
    if (bar.is_end || i % label_every == 0)
      labels += text(x + columns.width / 2, frame.y0() + 18, bar_label(bar), bar.is_end ? "tick strong" : "tick", "middle");
  }
  out += line(frame.x0(), frame.y0(), frame.x1(), frame.y0(), "base") + labels + chosen +
         text((frame.x0() + frame.x1()) / 2, frame.y0() + 42, "cut, from the image (left) to the answer (right)", "axis", "middle");
  const auto fastest = std::min_element(bars.begin(), bars.end(), [](const CutBar& a, const CutBar& b) { return a.parts.total() < b.parts.total(); });
  return svg(
      frame, "chart-cuts", "Latency by cut",
      std::to_string(bars.size()) + " stacked bars, one a place to cut. Lowest: " + fastest->label + " with " + ms(fastest->parts.total()) + ".",
      out);
}

}  // namespace scissionlite::report
