// What can be rebuilt of the picture: a table of numbers, and pictures below the originals.
#include "base/text.h"
#include "report/sections.h"

namespace scissionlite::report {
namespace {

std::string small(const std::string& words) { return element("small", {}, escape(words)); }

std::string range(const Interval& interval, int decimals) {
  return format_fixed(interval.low, decimals) + "\u2013" + format_fixed(interval.high, decimals);
}

std::string name_markup(const RebuiltRow& row) { return escape(row.label) + (row.is_chosen ? element("span", {{"class", "tag"}}, "chosen") : ""); }

std::string numbers_table(const RebuiltView& view) {
  std::string body;
  for (const auto& row : view.rows) {
    const auto& q = row.quality;
    body += element("tr", {{"data-key", row.key}, {"class", row.is_chosen ? "chosen" : ""}},
                    element("td", {{"class", "words"}}, name_markup(row)) +
                        element("td", {{"data-field", "psnr"}}, format_fixed(q.psnr_db, 2) + " dB" + small(range(q.psnr_interval, 2))) +
                        element("td", {{"data-field", "ssim"}}, format_fixed(q.ssim, 3) + small(range(q.ssim_interval, 3))) +
                        element("td", {{"data-field", "n"}}, std::to_string(q.n)));
  }
  const std::string head = element("th", {{"scope", "col"}, {"class", "words"}}, "Rebuilt from") +
                           "<th scope=\"col\">PSNR, 95 %</th><th scope=\"col\">SSIM, 95 %</th><th scope=\"col\">Images</th>";
  return element("div", {{"class", "scroll"}},
                 element("table", {{"id", "table-privacy"}}, element("thead", {}, element("tr", {}, head)) + element("tbody", {}, body)));
}

std::string picture(const std::string& uri, const std::string& alt, const RebuiltView& view) {
  return element("td", {},
                 "<img src=\"" + escape(uri) + "\" alt=\"" + escape(alt) + "\" width=\"" + std::to_string(view.width) + "\" height=\"" +
                     std::to_string(view.height) + "\">");
}

std::string picture_row(const std::string& title, const std::vector<std::string>& uris, const std::string& what, const RebuiltView& view,
                        bool is_chosen = false) {
  std::string cells = element("th", {{"scope", "row"}}, title);
  for (size_t i = 0; i < uris.size(); ++i) cells += picture(uris[i], "Held-out picture " + std::to_string(i + 1) + ", " + what, view);
  return element("tr", {{"class", is_chosen ? "chosen" : ""}}, cells);
}

std::string pictures_table(const RebuiltView& view) {
  if (view.originals.empty()) return "";
  std::string rows = picture_row("Original", view.originals, "original", view);
  for (const auto& row : view.rows)
    if (!row.pictures.empty())
      rows += picture_row(name_markup(row) + small(format_fixed(row.quality.psnr_db, 2) + " dB"), row.pictures,
                          (row.is_baseline ? "baseline: " : "rebuilt from: ") + row.label, view, row.is_chosen);
  return element("div", {{"class", "scroll"}}, element("table", {{"id", "pictures-privacy"}, {"class", "pictures"}}, element("tbody", {}, rows)));
}

}  // namespace

std::string privacy_section(const View& view) {
  const auto& rebuilt = view.rebuilt;
  const std::string title = "What can be rebuilt of the picture";
  if (rebuilt.rows.empty()) return missing_section("privacy", title, "Give `--privacy privacy.json`, from `scissionlite-train privacy`.");
  const std::string note = "A network was trained on " + std::to_string(rebuilt.images) +
                           " images to rebuild the picture from what the edge receives, and judged on others at " + std::to_string(rebuilt.width) +
                           " \u00d7 " + std::to_string(rebuilt.height) +
                           " pixels. Low is private. This is a lower bound: who has more images or a larger network rebuilds better.";
  return element(
      "section", {{"id", "privacy"}},
      element("h2", {}, escape(title)) + element("p", {{"class", "note"}}, escape(note)) + numbers_table(rebuilt) + pictures_table(rebuilt));
}

}  // namespace scissionlite::report
