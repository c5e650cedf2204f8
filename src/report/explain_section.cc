// Chart 5: the engine's slowest steps as bars, each with the part of it that the machine's peak would need; and one run in order.
#include <algorithm>

#include "base/text.h"
#include "report/charts.h"
#include "report/plot.h"
#include "report/sections.h"

namespace scissionlite::report {
namespace {

constexpr size_t kMostBars = 24;
constexpr size_t kColours = 8;  // of the style; further families share the last one
constexpr size_t kMostLetters = 44;

std::string css_of(size_t family) { return "c" + std::to_string(std::min(family, kColours - 1)); }
std::string us(double value) { return value < 1000 ? format_fixed(value, value < 10 ? 2 : 1) + " \u00b5s" : ms(value); }
std::string gflops(const ExplainedStep& step) { return step.macs > 0 ? format_fixed(step.gflops, 1) : "\u2013"; }
std::string peak_share(const ExplainedStep& step) { return step.macs > 0 ? percent(step.share_of_peak) : "\u2013"; }
std::string gigabytes_per_s(const ExplainedStep& step) { return step.median_us > 0 ? format_fixed(1e-3 * step.bytes / step.median_us, 1) : "\u2013"; }

/// The end of a long name says more than its beginning.
std::string shortened(const std::string& name) {
  if (name.size() <= kMostLetters) return name;
  size_t from = name.size() - kMostLetters;
  while (from < name.size() && (static_cast<unsigned char>(name[from]) & 0xc0) == 0x80) ++from;  // not within a letter of several bytes
  return "\u2026" + name.substr(from);
}

std::string chosen_for(const ExplainedStep& step) {
  return step.predicted_us > 0 ? us(step.predicted_us) + (step.is_measured ? " tuned" : " estimated") : "\u2013";
}
std::string instead_of(const ExplainedStep& step) { return step.instead.empty() ? "\u2013" : step.instead + " (+" + us(step.instead_us) + ")"; }

std::string tip_of(const ExplainedStep& step, double sum_us) {
  std::string tip = step.node + " " + to_string(step.shape) + "\n" + step.implementation + "\n" + us(step.median_us) + ", " +
                    percent(sum_us > 0 ? step.median_us / sum_us : 0) + " of the run";
  if (step.macs > 0) tip += "\n" + gflops(step) + " GFLOP/s, " + peak_share(step) + " of the measured peak";
  tip += "\n" + gigabytes_per_s(step) + " GB/s of inputs and outputs";
  if (step.predicted_us > 0) tip += "\nchosen at " + chosen_for(step);
  if (!step.instead.empty()) tip += "\nrunner-up: " + instead_of(step);
  return tip;
}

std::string rectangle(double x, double y, double width, double height, const std::string& css) {
  return element(
      "rect",
      {{"x", coordinate(x)}, {"y", coordinate(y)}, {"width", coordinate(std::max(width, 0.5))}, {"height", coordinate(height)}, {"class", css}});
}

/// Name and way on the left, bar, numbers behind it. Solid: the time that the step would take at the peak.
std::string bar_of(const ExplainView& view, size_t step_at, const Frame& frame, const Scale& x, double y) {
  constexpr double kHeight = 18;
  const auto& step = view.explained.steps[step_at];
  const double width = x(step.median_us) - frame.x0();
  std::string marks = text(frame.x0() - 10, y + 8, shortened(step.node), "", "end") +
                      text(frame.x0() - 10, y + 21, step.implementation, "tick", "end") + rectangle(frame.x0(), y, width, kHeight, "pale");
  if (step.macs > 0) marks += rectangle(frame.x0(), y, width * std::min(1.0, step.share_of_peak), kHeight, "solid");
  marks += text(frame.x0() + width + 8, y + 13, us(step.median_us) + (step.macs > 0 ? ", " + peak_share(step) + " of peak" : ""), "tick");
  marks += rectangle(0, y - 4, frame.width, kHeight + 10, "hit");
  return element("g",
                 {{"class", "bar step " + css_of(view.family_of_step[step_at])},
                  {"data-step", std::to_string(step_at)},
                  {"data-tip", tip_of(step, view.sum_us)}},
                 marks);
}

std::string bars_chart(const ExplainView& view) {
  constexpr double kRow = 32;
  const size_t count = std::min(kMostBars, view.by_time.size());
  const Frame frame{.height = 16 + kRow * static_cast<double>(count), .left = 330, .right = 170, .top = 8, .bottom = 8};
  const auto x = Scale::linear(0, std::max(1e-9, view.explained.steps[view.by_time[0]].median_us), frame.x0(), frame.x1());
  std::string out = line(frame.x0(), frame.y1(), frame.x0(), frame.y0(), "base");
  for (size_t i = 0; i < count; ++i) out += bar_of(view, view.by_time[i], frame, x, frame.y1() + kRow * static_cast<double>(i));
  const auto& slowest = view.explained.steps[view.by_time[0]];
  return svg(frame, "chart-explain", "Slowest steps",
             std::to_string(count) + " bars, one a step, by time. Slowest: " + slowest.node + " with " + us(slowest.median_us) + ".", out);
}

/// All steps from the input on the left to the output on the right.
std::string run_strip(const ExplainView& view) {
  const Frame frame{.height = 34, .left = 0, .right = 0, .top = 0, .bottom = 0};
  const auto x = Scale::linear(0, std::max(1e-9, view.sum_us), frame.x0(), frame.x1());
  std::string out;
  double at = 0;
  for (size_t i = 0; i < view.explained.steps.size(); ++i) {
    const auto& step = view.explained.steps[i];
    out += element("g", {{"class", "bar step " + css_of(view.family_of_step[i])}, {"data-tip", tip_of(step, view.sum_us)}},
                   rectangle(x(at), 0, x(at + step.median_us) - x(at), frame.height, "solid edged"));
    at += step.median_us;
  }
  return svg(frame, "chart-run", "One run",
             std::to_string(view.explained.steps.size()) + " steps in the order in which they run, as wide as they take time.", out);
}

std::string family_keys(const ExplainView& view) {
  std::string items;
  for (size_t i = 0; i < view.families.size(); ++i) {
    const auto& family = view.families[i];
    const std::string words = family.name + " " + percent(view.sum_us > 0 ? family.us / view.sum_us : 0) + ", " + std::to_string(family.steps) +
                              (family.steps == 1 ? " step" : " steps");
    items += element("li", {{"data-family", family.name}}, element("i", {{"class", css_of(i)}}) + escape(words));
  }
  return element("ul", {{"class", "keys"}}, items);
}

std::string all_steps(const ExplainView& view) {
  Cells rows{{"step", "shape", "done by", "time", "share", "GFLOP/s", "of peak", "GB/s", "chosen at", "runner-up"}};
  for (const auto i : view.by_time) {
    const auto& step = view.explained.steps[i];
    rows.push_back({escape(step.node), escape(to_string(step.shape)), escape(step.implementation), us(step.median_us),
                    percent(view.sum_us > 0 ? step.median_us / view.sum_us : 0), gflops(step), peak_share(step), gigabytes_per_s(step),
                    escape(chosen_for(step)), escape(instead_of(step))});
  }
  return element("details", {},
                 element("summary", {}, "Every step as a table") + element("div", {{"class", "scroll"}}, table_markup(rows, "table-explain")));
}

std::string note_of(const ExplainView& view) {
  const auto& e = view.explained;
  std::string text = (e.model_name.empty() ? "The model" : e.model_name) + ": " + std::to_string(e.steps.size()) + " steps in " + ms(e.run_us) +
                     " a run, engine " + e.engine + " with " + std::to_string(e.threads) + (e.threads == 1 ? " thread" : " threads") +
                     (e.isa.empty() ? "" : " of " + e.isa) + ".";
  if (e.run_us > 0 && e.peak_gflops > 0) {
    const double reached = 2e-3 * view.macs / e.run_us;
    text += " It computes " + format_fixed(reached, 1) + " GFLOP/s, " + percent(reached / e.peak_gflops) + " of the " +
            format_fixed(e.peak_gflops, 1) + " measured at most on this machine.";
  }
  if (e.values_bytes > 0) text += " Values take " + bytes_text(e.arena_bytes) + " (" + bytes_text(e.values_bytes) + " without reuse).";
  if (e.traffic_bytes > 0)
    text += " Steps read and write " + bytes_text(e.traffic_bytes) + " of values" +
            (e.operator_traffic_bytes > 0 ? "; operator by operator it would be " + bytes_text(e.operator_traffic_bytes) : "") + ".";
  return text +
         " First one run from input to output, then the slowest steps; the solid part of a bar is the time that the step would take at the peak, the pale rest is what could be gained at most.";
}

}  // namespace

std::string explain_section(const View& view) {
  const std::string title = "Where the engine's time goes";
  if (!view.explain || view.explain->explained.steps.empty())
    return missing_section("explain", title, "Give `--explain explain.json`, from `scissionlite explain MODEL --json`.");
  const auto& explain = *view.explain;
  return element("section", {{"id", "explain"}},
                 element("h2", {}, escape(title)) + element("p", {{"class", "note"}}, escape(note_of(explain))) +
                     element("div", {{"class", "chart"}}, run_strip(explain)) + family_keys(explain) +
                     element("div", {{"class", "chart"}}, bars_chart(explain)) + all_steps(explain));
}

}  // namespace scissionlite::report
