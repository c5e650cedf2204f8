// The page: sections in reading order, style and script inside, no request to anywhere.
#include <algorithm>

#include "base/text.h"
#include "report/charts.h"
#include "report/sections.h"

namespace scissionlite::report {
namespace {

constexpr const char* kStyle =
#include "report/style.inc"
    ;
constexpr const char* kScript =
#include "report/script.inc"
    ;

/// The browser itself refuses any request that the page might make.
constexpr const char* kPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

std::string rebuilt_text(const RebuiltView& rebuilt) {
  if (rebuilt.rows.empty()) return "";
  std::vector<std::vector<std::string>> rows{{"picture rebuilt from", "PSNR dB", "95 % interval", "SSIM", "95 % interval", "n"}};
  for (const auto& row : rebuilt.rows) {
    const auto& q = row.quality;
    rows.push_back({(row.is_chosen ? "* " : "  ") + row.label, format_fixed(q.psnr_db, 2),
                    format_fixed(q.psnr_interval.low, 2) + "-" + format_fixed(q.psnr_interval.high, 2), format_fixed(q.ssim, 3),
                    format_fixed(q.ssim_interval.low, 3) + "-" + format_fixed(q.ssim_interval.high, 3), std::to_string(q.n)});
  }
  return "\n" + format_table(rows);
}

}  // namespace

std::string render_html(const Inputs& inputs) {
  const View view = make_view(inputs);
  std::string body = header_section(view) + way_section(view);
  for (size_t i = 0; i < view.tables.size(); ++i) body += table_section(view.tables[i], i);
  if (view.tables.empty())
    body +=
        missing_section("candidates", "Candidates", "Give `--plan plan.json` for what is predicted and `--bench bench.json` for what was measured.");
  body += cuts_section(view) + pareto_section(view) + bandwidth_section(view) + rate_section(view) + privacy_section(view) + explain_section(view) +
          pruning_section(view) + rare_section(view) + facts_section(view) + notes_section(view);
  return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">" +
         std::string("<meta http-equiv=\"Content-Security-Policy\" content=\"") + kPolicy +
         "\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">" + element("title", {}, escape("ScissionLite: " + view.model)) +
         "<link rel=\"icon\" href=\"data:,\"><style>" + kStyle + "</style></head>\n<body><main>" + body + "</main>" +
         element("div", {{"id", "tip"}, {"role", "tooltip"}}) + "\n" +
         element("script", {{"type", "application/json"}, {"id", "data"}}, script_json(report_data(inputs))) + "\n<script>" + kScript +
         "</script></body></html>\n";
}

std::string render_text(const Inputs& inputs) {
  const View view = make_view(inputs);
  std::string out = view.headline + (view.subline.empty() ? "" : "\n" + view.subline) + "\n";
  for (const auto& table : view.tables) {
    std::vector<std::vector<std::string>> rows{{"candidate", "median", "p95", "predicted", "bytes", "agreement", "n", "95 % interval", "over local"}};
    for (const auto& row : table.rows) {
      const auto& a = row.agreement;
      const bool has_interval = a.is_known() && a.n > 0;
      rows.push_back({(row.is_chosen ? "* " : "  ") + row.label + (row.problem.empty() ? "" : " [" + row.problem + "]"),
                      row.is_measured() ? ms(row.measured_us) : "-", row.p95_us > 0 ? ms(row.p95_us) : "-",
                      row.predicted_us > 0 ? ms(row.predicted_us) : "-", row.bytes >= 0 ? bytes_text(row.bytes) : "-",
                      a.is_known() ? format_fixed(a.share, 3) : "-", has_interval ? std::to_string(a.n) : "-",
                      has_interval ? format_fixed(a.interval.low, 3) + "-" + format_fixed(a.interval.high, 3) : "-",
                      row.speedup > 0 ? format_fixed(row.speedup, 2) + "x" : "-"});
    }
    out += "\n" + (table.conditions.empty() ? "" : table.title + ": " + table.conditions + "\n") + format_table(rows);
  }
  out += rebuilt_text(view.rebuilt);
  return out + (view.tables.empty() ? "" : "* chosen by the plan; over local = speed-up over running on the device alone\n");
}

}  // namespace scissionlite::report
