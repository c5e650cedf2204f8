#include "report/sections.h"

#include <algorithm>

#include "base/text.h"
#include "report/charts.h"

namespace scissionlite::report {
namespace {

std::string section(const std::string& id, const std::string& content) { return element("section", {{"id", id}}, content); }

std::string heading(const std::string& title, const std::string& note) {
  return element("h2", {}, escape(title)) + (note.empty() ? "" : element("p", {{"class", "note"}}, note));
}

std::string figure(const std::string& id, const std::string& name, const std::string& value, const std::string& small) {
  return element("div", {}, element("dt", {}, escape(name)) + element("dd", {{"id", id}}, escape(value) + element("small", {}, escape(small))));
}

/// "90.5 % (n = 24, 81.7–95.3 %)" in a cell.
std::string agreement_words(const Agreement& agreement) {
  return agreement.is_known() ? percent(agreement.share) + element("small", {}, interval_words(agreement)) : "\u2013";
}

std::string figures_of(const View& view) {
  const auto& row = *view.chosen;
  std::string out = figure("figure-latency", view.is_prediction ? "Latency, predicted" : "Latency, median", ms(row.best_us()),
                           row.p95_us > 0 ? "p95 " + ms(row.p95_us) : "of one image");
  if (row.speedup > 0 && row.key != "local")
    out += figure("figure-speedup", "Over the device alone", format_fixed(row.speedup, 2) + "\u00d7",
                  view.local ? "device alone: " + ms(view.local->best_us()) : "");
  out += figure("figure-bytes", "Sent an image", row.key == "local" ? "nothing" : bytes_text(row.bytes),
                row.bytes_p95 > 0    ? "p95 " + bytes_text(row.bytes_p95)
                : row.key == "local" ? "all stays on the device"
                                     : "mean");
  return element("dl", {{"class", "figures"}},
                 out + figure("figure-agreement", "Agreement with the uncut model", percent(row.agreement.share), interval_words(row.agreement)));
}

std::string colour_keys(const std::vector<std::pair<std::string, std::string>>& class_and_words, const std::string& shape = "") {
  std::string items;
  for (const auto& [css, words] : class_and_words) items += element("li", {}, element("i", {{"class", css + shape}}) + escape(words));
  return element("ul", {{"class", "keys"}}, items);
}

std::string part_keys(const Parts* parts) {
  std::vector<std::pair<std::string, std::string>> keys;
  for (const auto& kind : kPartKinds) {
    if (parts && !(parts->*kind.value > 0)) continue;
    keys.emplace_back(kind.css, std::string(kind.name) + (parts ? " " + ms(parts->*kind.value) : ""));
  }
  return colour_keys(keys);
}

std::string table_details(const std::string& id, const Cells& rows) {
  return element("details", {}, element("summary", {}, "The same as a table") + element("div", {{"class", "scroll"}}, table_markup(rows, id)));
}

std::string chart(const std::string& drawing) { return element("div", {{"class", "chart"}}, drawing); }

}  // namespace

std::string table_markup(const Cells& rows, const std::string& id) {
  std::string head, body;
  for (size_t r = 0; r < rows.size(); ++r) {
    std::string cells;
    for (const auto& cell : rows[r]) cells += r == 0 ? element("th", {{"scope", "col"}}, cell) : element("td", {}, cell);
    (r == 0 ? head : body) += element("tr", {}, cells);
  }
  return element("table", {{"id", id}}, element("thead", {}, head) + element("tbody", {}, body));
}

std::string missing_section(const std::string& id, const std::string& title, const std::string& what_fills_it) {
  std::string words;
  const auto parts = split(what_fills_it, '`');
  for (size_t i = 0; i < parts.size(); ++i) words += i % 2 ? element("code", {}, escape(parts[i])) : escape(parts[i]);
  return element("section", {{"id", id}, {"class", "empty"}}, element("h2", {}, escape(title)) + element("p", {}, words));
}

std::string header_section(const View& view) {
  std::string out = element("p", {{"class", "eyebrow"}}, escape("ScissionLite report \u2014 " + view.model)) +
                    element("h1", {{"id", "headline"}}, escape(view.headline));
  if (!view.subline.empty()) out += element("p", {{"class", "lead"}, {"id", "details"}}, escape(view.subline));
  return element("header", {}, out + (view.chosen ? figures_of(view) : ""));
}

std::string way_section(const View& view) {
  const double total = view.chosen_parts.total();
  if (total <= 0) return "";
  std::string bar;
  for (const auto& kind : kPartKinds)
    if (const double value = view.chosen_parts.*kind.value; value > 0)
      bar += element(
          "span",
          {{"class", kind.css}, {"style", "width:" + coordinate(100 * value / total) + "%"}, {"data-tip", std::string(kind.name) + " " + ms(value)}});
  return element("div", {{"id", "way"}},
                 element("p", {{"class", "note"}}, escape("Where the time of one image goes under the plan (predicted, " + ms(total) + ")")) +
                     element("div", {{"class", "way"}, {"role", "img"}, {"aria-label", parts_text(view.chosen_parts)}}, bar) +
                     part_keys(&view.chosen_parts));
}

std::string cuts_section(const View& view) {
  const std::string drawing = cut_chart(view.cuts);
  if (drawing.empty() || view.cuts.size() < 2)
    return missing_section("cuts", "Latency by cut",
                           "Give `--device-profile` and `--edge-profile` (from `scissionlite profile`), and `--network` or `--plan`.");
  bool any_infeasible = false;
  Cells rows{{"cut", "candidate", "latency", "device", "encode", "wire", "decode", "edge", "answer", "bytes", "agreement"}};
  for (const auto& bar : view.cuts) {
    any_infeasible |= !bar.is_feasible;
    rows.push_back({escape(bar.is_end ? "\u2013" : bar.cut_id), escape(bar.label), ms(bar.parts.total()), ms(bar.parts.device), ms(bar.parts.encode),
                    ms(bar.parts.wire), ms(bar.parts.decode), ms(bar.parts.edge), ms(bar.parts.rest), bytes_text(bar.bytes),
                    agreement_words(bar.agreement)});
  }
  std::string note = "Predicted, for this link. Each bar is the fastest candidate at that cut that meets the plan's constraints";
  note += any_infeasible ? "; a faint bar marks a cut where none does." : ".";
  return section("cuts", heading("Latency by cut", escape(note)) + chart(drawing) + part_keys(nullptr) + table_details("table-cuts", rows));
}

std::string pareto_section(const View& view) {
  const std::string drawing = pareto_chart(view.points);
  if (drawing.empty()) return missing_section("pareto", "Latency, bytes and agreement", "Give `--plan plan.json`, from `scissionlite plan`.");
  Cells rows{{"candidate", "latency", "bytes", "agreement"}};
  auto points = view.points;
  std::sort(points.begin(), points.end(), [](const ParetoPoint& a, const ParetoPoint& b) { return a.latency_us < b.latency_us; });
  for (const auto& point : points)
    if (point.on_front) rows.push_back({escape(point.label), ms(point.latency_us), bytes_text(point.bytes), agreement_words(point.agreement)});
  const std::string keys = colour_keys({{"a5", "agreement 98 % and more"},
                                        {"a4", "95\u201398 %"},
                                        {"a3", "90\u201395 %"},
                                        {"a2", "80\u201390 %"},
                                        {"a1", "under 80 %"},
                                        {"a0", "not measured"}},
                                       " round");
  return section(
      "pareto",
      heading(
          "Latency, bytes and agreement",
          "Predicted, for this link. Down and to the left is better. Large marks: no other candidate is at least as good in all three. Circles are splits, squares edge only, the triangle the device alone.") +
          chart(drawing) + keys + table_details("table-pareto", rows));
}

std::string bandwidth_section(const View& view) {
  const std::string drawing = bandwidth_chart(view.bandwidth);
  if (drawing.empty()) return missing_section("bandwidth", "Latency over bandwidth", "Give `--plan plan.json`, from `scissionlite plan`.");
  Cells rows{{"candidate", "at this link", "without the wire\u2019s rate", "bytes"}};
  for (const auto& curve : view.bandwidth.curves)
    rows.push_back({escape(curve.label), ms(curve.latency_us(view.bandwidth.link_bps)), ms(curve.fixed_us), bytes_text(curve.bits / 8)});
  Cells crossings{{"break-even", "latency", "below it", "above it"}};
  for (const auto& crossing : view.bandwidth.crossings)
    crossings.push_back(
        {bandwidth(crossing.bandwidth_bps), ms(crossing.latency_us), escape(label_of(crossing.below)), escape(label_of(crossing.above))});
  const std::string words = view.bandwidth.crossings.empty() ? "No break-even: one candidate is the fastest at every bandwidth."
                                                             : "Circles mark the break-evens: the bandwidths at which the fastest candidate changes.";
  return section("bandwidth",
                 heading("Latency over bandwidth", escape("Predicted, for the best candidate of each family that meets the constraints. " + words)) +
                     chart(drawing) + table_details("table-bandwidth", rows) +
                     (crossings.size() > 1 ? element("div", {{"class", "scroll"}}, table_markup(crossings, "table-break-evens")) : ""));
}

std::string rate_section(const View& view) {
  const std::string drawing = rate_chart(view.rates);
  if (drawing.empty()) return missing_section("rate", "Agreement over bytes", "Give `--scores scores.json`, from `scissionlite score`.");
  Cells rows{{"family", "candidate", "bytes", "agreement"}};
  for (const auto& curve : view.rates.curves)
    for (const auto& point : curve.points)
      rows.push_back({escape(curve.name), escape(point.label), bytes_text(point.bytes), agreement_words(point.agreement)});
  return section("rate", heading("Agreement over bytes", escape("Measured on images that nothing was fitted on, at cut " + view.rates.cut_id +
                                                                ", beside sending the picture itself. Up and to the left is better.")) +
                             chart(drawing) + table_details("table-rate", rows));
}

std::string facts_section(const View& view) {
  std::string groups;
  for (size_t i = 0; i < view.facts.size();) {
    const std::string subject = view.facts[i].subject;
    std::string entries;
    for (; i < view.facts.size() && view.facts[i].subject == subject; ++i)
      entries += element("dt", {}, escape(view.facts[i].name)) + element("dd", {}, escape(view.facts[i].value));
    groups += element("div", {}, element("h3", {}, escape(subject)) + element("dl", {}, entries));
  }
  std::string commands;
  for (const auto& command : view.commands)
    commands += element("li", {}, element("span", {}, escape(command.file)) + element("code", {}, escape(command.text)));
  return section("facts", heading("How these numbers came about", "") + element("div", {{"class", "columns"}}, groups) +
                              (commands.empty() ? "" : element("ul", {{"class", "commands"}}, commands)));
}

std::string notes_section(const View& view) {
  std::string items;
  for (const auto& note : view.footnotes) items += element("li", {}, escape(note));
  return section("notes", heading("To keep in mind", "") + element("ol", {{"class", "notes"}}, items));
}

}  // namespace scissionlite::report
