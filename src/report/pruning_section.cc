// Chart 6: what pruning learned: of each layer the size of every channel, those that are left and those that went; blocks; what it saves.
#include <algorithm>

#include "base/text.h"
#include "report/plot.h"
#include "report/sections.h"

namespace scissionlite::report {
namespace {

constexpr size_t kMostLetters = 40;

std::string shortened(const std::string& name) { return name.size() <= kMostLetters ? name : "\u2026" + name.substr(name.size() - kMostLetters); }

std::string share_text(const std::optional<double>& share) { return share ? percent(*share, 2) : "\u2013"; }

double largest_magnitude(const Pruned& pruned) {
  double most = 1e-9;
  for (const auto& layer : pruned.layers)
    for (const double magnitude : layer.magnitudes) most = std::max(most, magnitude);
  return most;
}

/// A layer's channels as marks along its row, by magnitude: those that went are its smallest.
std::string layer_row(const PrunedWidth& layer, const Frame& frame, const Scale& x, double y) {
  constexpr double kHeight = 14;
  std::string marks = text(frame.x0() - 10, y + 11, shortened(layer.name), "", "end");
  const auto gone = static_cast<size_t>(layer.channels - layer.kept);
  for (size_t i = 0; i < layer.magnitudes.size(); ++i)
    marks += element("rect", {{"x", coordinate(x(layer.magnitudes[i]) - 1)},
                              {"y", coordinate(y)},
                              {"width", "2"},
                              {"height", coordinate(kHeight)},
                              {"class", i < gone ? "pale" : "solid"}});
  marks += text(frame.x1() + 10, y + 11, std::to_string(layer.kept) + " of " + std::to_string(layer.channels), "tick");
  marks += element("rect",
                   {{"x", "0"}, {"y", coordinate(y - 3)}, {"width", coordinate(frame.width)}, {"height", coordinate(kHeight + 6)}, {"class", "hit"}});
  const std::string tip = layer.name + "\n" + std::to_string(layer.kept) + " of " + std::to_string(layer.channels) + " channels are left (" +
                          percent(static_cast<double>(layer.kept) / static_cast<double>(layer.channels)) + ")";
  return element("g", {{"class", "bar step c0"}, {"data-layer", layer.name}, {"data-tip", tip}}, marks);
}

std::string layers_chart(const Pruned& pruned) {
  constexpr double kRow = 22;
  const Frame frame{.height = 70 + kRow * static_cast<double>(pruned.layers.size()), .left = 300, .right = 120, .top = 8, .bottom = 48};
  const auto x = Scale::linear(0, largest_magnitude(pruned), frame.x0(), frame.x1());
  std::string out = x_axis(
      frame, x, 8, [](double value) { return format_fixed(std::max(0.0, value), 2); },
      "size of a channel at the end of the search, beside its layer's mean at the start");
  for (size_t i = 0; i < pruned.layers.size(); ++i) out += layer_row(pruned.layers[i], frame, x, frame.y1() + kRow * static_cast<double>(i));
  return svg(frame, "chart-pruning", "Channels by layer",
             std::to_string(pruned.layers.size()) + " rows, one a layer; a mark is a channel, pale where it was removed.", out);
}

std::string totals_table(const Pruned& pruned) {
  Cells rows{{"", "before", "after", "ratio"}};
  const auto add = [&](const std::string& what, const BeforeAfter& values, const std::function<std::string(double)>& words) {
    rows.push_back({what, words(values.before), words(values.after), format_fixed(values.ratio(), 3)});
  };
  const auto whole = [](double value) { return format_fixed(value, 0); };
  add("parameters", pruned.parameters, whole);
  add("multiply-accumulates", pruned.macs, whole);
  add("latency, native, one thread", pruned.latency_us, [](double us) { return ms(us); });
  if (pruned.predicted) add("latency predicted on " + escape(pruned.predicted->first), pruned.predicted->second, [](double us) { return ms(us); });
  rows.push_back({"right on held-out images", share_text(pruned.score_before), share_text(pruned.score_after), ""});
  return element("div", {{"class", "scroll"}}, table_markup(rows, "table-pruning"));
}

std::string blocks_table(const Pruned& pruned) {
  if (pruned.blocks.empty()) return "";
  Cells rows{{"block", "gate"}};
  for (const auto& block : pruned.blocks) rows.push_back({escape(block.name), block.gate == 0 ? "removed" : format_fixed(block.gate, 3)});
  return element("details", {{"open", "open"}},
                 element("summary", {}, "Blocks and their gates") + element("div", {{"class", "scroll"}}, table_markup(rows, "table-blocks")));
}

std::string note_of(const Pruned& pruned) {
  const auto gone = std::count_if(pruned.blocks.begin(), pruned.blocks.end(), [](const auto& block) { return block.gate == 0; });
  std::string note = "Learned, not given: " + percent(1 - pruned.parameters.ratio()) + " of the parameters and " + percent(1 - pruned.macs.ratio()) +
                     " of the multiply-accumulates went";
  if (!pruned.blocks.empty()) note += ", " + std::to_string(gone) + " of " + std::to_string(pruned.blocks.size()) + " blocks";
  note += ". Right answers: " + share_text(pruned.score_before) + " before, " + share_text(pruned.score_searched) + " at the end of the search, " +
          share_text(pruned.score_rebuilt) + " rebuilt, " + share_text(pruned.score_after) + " tuned.";
  if (!pruned.is_within_budget) note += " The budget was not met.";
  for (const auto& reason : pruned.refused) note += " Some small channels stayed: " + reason + ".";
  return note;
}

}  // namespace

std::string pruning_section(const View& view) {
  if (!view.pruned) return "";  // not every model is pruned
  const auto& pruned = *view.pruned;
  return element("section", {{"id", "pruning"}},
                 element("h2", {}, "What pruning took out") + element("p", {{"class", "note"}}, escape(note_of(pruned))) + totals_table(pruned) +
                     (pruned.layers.empty() ? "" : element("div", {{"class", "chart"}}, layers_chart(pruned))) + blocks_table(pruned));
}

}  // namespace scissionlite::report
