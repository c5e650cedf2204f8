#include "base/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/error.h"

namespace scissionlite {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

size_t display_width(std::string_view text) {  // code points; good enough for the symbols we print
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

bool looks_numeric(const std::string& cell) {
  return cell.empty() || cell == "-" || std::isdigit(static_cast<unsigned char>(cell[0])) ||
         (cell.size() > 1 && (cell[0] == '-' || cell[0] == '+') && std::isdigit(static_cast<unsigned char>(cell[1])));
}

}  // namespace

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i) out += separator;
    out += parts[i];
  }
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (true) {
    const size_t end = text.find(separator, begin);
    parts.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::string did_you_mean(std::string_view given, const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  size_t best_distance = std::max<size_t>(2, given.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const size_t distance = edit_distance(given, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  if (best) return "; did you mean '" + *best + "'?";
  if (candidates.empty()) return "";
  constexpr size_t kMost = 10;
  std::vector<std::string> shown(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(std::min(kMost, candidates.size())));
  return "; available: " + join(shown) + (candidates.size() > kMost ? ", ..." : "");
}

std::string format_fixed(double value, int decimals) {
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  return buffer.data();
}

std::string format_bytes(double bytes) {
  static constexpr std::array<const char*, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  return format_fixed(bytes, unit == 0 ? 0 : bytes < 10 ? 2 : 1) + " " + kUnits[unit];
}

std::string format_us(double us) {
  if (std::fabs(us) < 1e3) return format_fixed(us, us < 10 ? 1 : 0) + " us";
  if (std::fabs(us) < 1e6) return format_fixed(us / 1e3, us < 1e4 ? 2 : 1) + " ms";
  return format_fixed(us / 1e6, 2) + " s";
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return "";
  std::vector<size_t> widths(rows[0].size(), 0);
  std::vector<bool> numeric(rows[0].size(), rows.size() > 1);
  for (size_t r = 0; r < rows.size(); ++r)
    for (size_t c = 0; c < rows[r].size() && c < widths.size(); ++c) {
      widths[c] = std::max(widths[c], display_width(rows[r][c]));
      if (r && !looks_numeric(rows[r][c])) numeric[c] = false;
    }
  std::string out;
  const auto append = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t c = 0; c < widths.size(); ++c) {
      const std::string cell = c < row.size() ? row[c] : "";
      const std::string padding(widths[c] - display_width(cell), ' ');
      line += (c ? "  " : "") + (numeric[c] ? padding + cell : cell + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  append(rows[0]);
  size_t total = 0;
  for (size_t width : widths) total += width + 2;
  out += std::string(total - 2, '-') + "\n";
  for (size_t r = 1; r < rows.size(); ++r) append(rows[r]);
  return out;
}

double parse_scaled(const std::string& text, const std::string& what) {
  size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) { used = 0; }
  double scale = 1;
  if (used > 0 && used + 1 == text.size()) {
    const char suffix = text[used];
    scale = suffix == 'k' ? 1e3 : suffix == 'M' ? 1e6 : suffix == 'G' ? 1e9 : 0;
    ++used;
  }
  if (used == 0 || used != text.size() || scale == 0 || !std::isfinite(value))
    throw InvalidArgument("[" + what + "] got '" + text + "', expected a number, optionally with k, M or G (58.8M)");
  return value * scale;
}

}  // namespace scissionlite
