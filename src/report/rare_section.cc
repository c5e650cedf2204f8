// Charts 7 to 9: how well a model tells rare positives from negatives: ROC, precision over recall, AUC on the way; members.
#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "report/plot.h"
#include "report/sections.h"

namespace scissionlite::report {
namespace {

constexpr size_t kMostPoints = 400;  // of a curve; more are not seen
constexpr double kRadius = 6;

using Point = std::pair<double, double>;

std::string path_of(const std::vector<Point>& points, const Scale& x, const Scale& y) {
  std::string path;
  const size_t step = std::max<size_t>(1, points.size() / kMostPoints);
  for (size_t i = 0; i < points.size(); ++i)
    if (i % step == 0 || i + 1 == points.size())
      path += (path.empty() ? "M" : "L") + coordinate(x(points[i].first)) + " " + coordinate(y(points[i].second));
  return path;
}

std::string short_share(double value) { return format_fixed(100 * std::max(0.0, value), 0) + " %"; }

std::string tip_of(const RareOperation& at) {
  return "threshold " + format_fixed(at.threshold, 4) + "\nfinds " + percent(at.recall) + " of the positives\n" + percent(at.false_alarms) +
         " false alarms\n" + percent(at.precision) + " of what it calls positive is";
}

struct CurveChart {
  std::string id, title, x_name, y_name;
  Point (*of)(const RareOperation&);
};

std::string curve_chart(const RareTraining& trained, const CurveChart& chart, const std::vector<Point>& before) {
  const Frame frame{.width = 1040, .height = 380, .left = 60, .right = 24, .top = 28, .bottom = 48};
  const auto x = Scale::linear(0, 1, frame.x0(), frame.x1()), y = Scale::linear(0, 1, frame.y0(), frame.y1());
  std::vector<Point> points = before;
  for (const auto& at : trained.curve) points.push_back(chart.of(at));
  const auto chosen = chart.of(trained.operation);
  const std::string line = element("g", {{"class", "curve c0"}}, element("path", {{"d", path_of(points, x, y)}}));
  const std::string mark =
      element("g", {{"class", "point c1"}, {"data-tip", tip_of(trained.operation)}, {"tabindex", "0"}},
              element("circle", {{"cx", coordinate(x(chosen.first))}, {"cy", coordinate(y(chosen.second))}, {"r", coordinate(kRadius)}}));
  return svg(frame, chart.id, chart.title, std::to_string(points.size()) + " points; the dot is the chosen threshold.",
             y_axis(frame, y, 5, short_share, chart.y_name) + x_axis(frame, x, 8, short_share, chart.x_name) + line + mark);
}

std::string history_chart(const RareTraining& trained) {
  const Frame frame{.width = 1040, .height = 320, .left = 60, .right = 24, .top = 28, .bottom = 48};
  double low = 1, high = 0;
  for (const auto& one : trained.measures) low = std::min(low, one.low), high = std::max(high, one.high);
  const auto x = Scale::linear(0, std::max<double>(1, static_cast<double>(trained.measures.back().step)), frame.x0(), frame.x1());
  const auto y = Scale::linear(std::max(0.0, low - 0.02), std::min(1.0, high + 0.02), frame.y0(), frame.y1());
  std::vector<Point> points;
  std::string marks;
  for (const auto& one : trained.measures) {
    const auto step = static_cast<double>(one.step);
    points.emplace_back(step, one.auc);
    const std::string tip =
        "step " + std::to_string(one.step) +
        (one.stage > 0 ? ", stage " + std::to_string(one.stage) + ", " + std::to_string(one.rounds) + " averages" : ", before training") + "\nAUC " +
        format_fixed(one.auc, 4) + " (" + format_fixed(one.low, 4) + " to " + format_fixed(one.high, 4) + ")";
    marks += line(x(step), y(one.low), x(step), y(one.high), "base") +
             element("g", {{"class", "point c0"}, {"data-tip", tip}, {"tabindex", "0"}},
                     element("circle", {{"cx", coordinate(x(step))}, {"cy", coordinate(y(one.auc))}, {"r", "4.5"}}));
  }
  return svg(frame, "chart-auc", "AUC on the way", std::to_string(points.size()) + " measures with 95 % intervals.",
             y_axis(
                 frame, y, 5, [](double value) { return format_fixed(value, 3); }, "AUC on held-out images, with its 95 % interval") +
                 x_axis(
                     frame, x, 8, [](double value) { return format_fixed(std::max(0.0, value), 0); }, "steps of a member") +
                 element("g", {{"class", "curve c0"}}, element("path", {{"d", path_of(points, x, y)}})) + marks);
}

std::string members_table(const RareTraining& trained) {
  if (trained.members.size() < 2) return "";
  Cells rows{{"member", "images", "positives", "share"}};
  for (size_t rank = 0; rank < trained.members.size(); ++rank) {
    const auto& member = trained.members[rank];
    rows.push_back({std::to_string(rank), std::to_string(member.images), std::to_string(member.positives),
                    percent(static_cast<double>(member.positives) / static_cast<double>(std::max<int64_t>(1, member.images)), 2)});
  }
  return element("details", {{"open", "open"}},
                 element("summary", {}, "Members and their images") + element("div", {{"class", "scroll"}}, table_markup(rows, "table-members")));
}

std::string note_of(const RareTraining& trained) {
  const auto& last = trained.measures.back();
  int64_t positives = 0;
  for (const auto& member : trained.members) positives += member.positives;
  std::string note = "A positive scores above a negative " + percent(last.auc, 2) + " of the time (AUC " + format_fixed(last.auc, 4) +
                     ", 95 % interval " + format_fixed(last.low, 4) + " to " + format_fixed(last.high, 4) + ") on " +
                     std::to_string(trained.held_out) + " held-out images, " + std::to_string(trained.held_out_positives) +
                     " of them positive. Learned from " + std::to_string(trained.images) + " images, " + std::to_string(positives) +
                     " of them positive; " + percent(trained.positive_rate) + " of each batch.";
  if (trained.members.size() > 1)
    note += " " + std::to_string(trained.members.size()) + " members averaged " + std::to_string(last.rounds) + " times; each sent " +
            bytes_text(static_cast<double>(trained.bytes_sent)) + ".";
  note += " From the chosen threshold " + format_fixed(trained.operation.threshold, 4) + " on it finds " + percent(trained.operation.recall) +
          " of the positives with " + percent(trained.operation.false_alarms) +
          " false alarms; the threshold was chosen on the same images, so others will fare a little worse.";
  for (const auto& one : trained.notes) note += " Note: " + one + ".";
  return note;
}

}  // namespace

std::string rare_section(const View& view) {
  if (!view.rare_training) return "";  // not every model finds one class
  const auto& trained = *view.rare_training;
  std::string charts;
  if (!trained.curve.empty()) {
    const CurveChart roc{"chart-roc", "Receiver operating characteristic", "false alarms: share of the negatives",
                         "recall: share of the positives that are found", [](const RareOperation& at) { return Point(at.false_alarms, at.recall); }};
    const CurveChart precision{"chart-precision", "Precision over recall", "recall: share of the positives that are found",
                               "precision: share of what is called positive that is",
                               [](const RareOperation& at) { return Point(at.recall, at.precision); }};
    charts += element("div", {{"class", "chart"}}, curve_chart(trained, roc, {{0, 0}})) +
              element("div", {{"class", "chart"}}, curve_chart(trained, precision, {}));
  }
  return element("section", {{"id", "rare-training"}},
                 element("h2", {}, "How well it finds what is rare") + element("p", {{"class", "note"}}, escape(note_of(trained))) + charts +
                     element("div", {{"class", "chart"}}, history_chart(trained)) + members_table(trained));
}

}  // namespace scissionlite::report
