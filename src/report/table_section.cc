// The table of candidates: one row each, failures and constraint misses said in the row.
#include <cmath>

#include "base/text.h"
#include "report/sections.h"

namespace scissionlite::report {
namespace {

std::string small(const std::string& words) { return words.empty() ? "" : element("small", {}, escape(words)); }

std::string name_cell(const CandidateRow& row) {
  std::string out = escape(row.label) + (row.is_chosen ? element("span", {{"class", "tag"}}, "chosen") : "") + small(row.family);
  if (!row.problem.empty()) out += element("small", {{"class", "problem"}}, escape(row.problem));
  return out;
}

std::string measured_cell(const CandidateRow& row) {
  if (!row.is_measured()) return escape("\u2013");
  std::string detail = "n = " + std::to_string(row.n);
  if (row.measured_ci.high > 0)
    detail += ", " + ms(row.measured_ci.low).substr(0, ms(row.measured_ci.low).find(' ')) + "\u2013" + ms(row.measured_ci.high);
  return escape(ms(row.measured_us)) + small(detail);
}

std::string predicted_cell(const CandidateRow& row) {
  if (row.predicted_us <= 0) return "\u2013";
  std::string out = ms(row.predicted_us);
  if (!row.is_measured()) return out;
  const double error = (row.predicted_us - row.measured_us) / row.measured_us;
  return out + small((error < 0 ? "\u2212" : "+") + format_fixed(std::fabs(error) * 100, 1) + " %");
}

std::string agreement_cell(const Agreement& agreement) {
  return agreement.is_known() ? percent(agreement.share) + small(interval_words(agreement)) : "\u2013";
}

std::string speedup_cell(const CandidateRow& row) {
  if (row.speedup <= 0) return "\u2013";
  const std::string text = format_fixed(row.speedup, 2) + "\u00d7";
  return row.speedup < 0.995 ? element("span", {{"class", "slower"}}, text) : text;
}

std::string row_markup(const CandidateRow& row, bool has_measured) {
  std::string cells = element("td", {{"class", "words"}}, name_cell(row));
  if (has_measured) cells += element("td", {{"data-field", "measured"}}, measured_cell(row)) + element("td", {{"data-field", "p95"}}, ms(row.p95_us));
  cells += element("td", {{"data-field", "predicted"}}, predicted_cell(row)) + element("td", {{"data-field", "bytes"}}, bytes_text(row.bytes)) +
           element("td", {{"data-field", "agreement"}}, agreement_cell(row.agreement)) +
           element("td", {{"data-field", "speedup"}}, speedup_cell(row));
  return element("tr", {{"data-key", row.key}, {"class", row.is_chosen ? "chosen" : row.problem.empty() ? "" : "failed"}}, cells);
}

}  // namespace

std::string table_section(const CandidateTable& table, size_t index) {
  std::string head = element("th", {{"scope", "col"}, {"class", "words"}}, "What leaves the device");
  if (table.has_measured) head += "<th scope=\"col\">Median, 95 %</th><th scope=\"col\">p95</th>";
  head +=
      "<th scope=\"col\">Predicted</th><th scope=\"col\">Bytes an image</th><th scope=\"col\">Agreement, 95 %</th><th scope=\"col\">Over local</th>";
  std::string body;
  for (const auto& row : table.rows) body += row_markup(row, table.has_measured);
  const std::string id = index == 0 ? "candidates" : "candidates-" + std::to_string(index + 1);
  return element(
      "section", {{"id", id}},
      element("h2", {}, escape(table.title)) + (table.conditions.empty() ? "" : element("p", {{"class", "note"}}, escape(table.conditions))) +
          element("div", {{"class", "scroll"}}, element("table", {}, element("thead", {}, element("tr", {}, head)) + element("tbody", {}, body))));
}

}  // namespace scissionlite::report
