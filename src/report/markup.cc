#include "report/markup.h"

#include <array>
#include <cmath>

#include "base/text.h"

namespace scissionlite::report {
namespace {

constexpr const char* kDash = "\u2013";

/// Three figures, as many decimals as that takes.
std::string three_figures(double value) {
  const double size = std::fabs(value);
  return format_fixed(value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: {
        const auto code = static_cast<unsigned char>(c);
        out += code < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
      }
    }
  }
  return out;
}

std::string element(std::string_view name, Attributes attributes, std::string_view content) {
  std::string out = "<" + std::string(name);
  for (const auto& [key, value] : attributes)
    if (!value.empty()) out += " " + std::string(key) + "=\"" + escape(value) + "\"";
  return out + ">" + std::string(content) + "</" + std::string(name) + ">";
}

std::string script_json(const Json& json) {
  std::string out;
  for (const char c : json.dump()) {
    if (c == '<') out += "\\u003c";
    else if (c == '>') out += "\\u003e";
    else if (c == '&') out += "\\u0026";
    else out += c;
  }
  return out;
}

std::string coordinate(double value) {
  std::string text = format_fixed(value, 2);
  text.erase(text.find_last_not_of('0') + 1);
  if (!text.empty() && text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string ms(double duration_us) {
  if (!(duration_us > 0)) return kDash;
  if (duration_us >= 9.9995e6) return three_figures(duration_us * 1e-6) + " s";
  return three_figures(duration_us * 1e-3) + " ms";
}

std::string percent(double share, int decimals) {
  if (share < 0) return kDash;
  return format_fixed(share * 100, decimals) + " %";
}

std::string bandwidth(double bits_per_second) {
  if (!(bits_per_second > 0)) return kDash;
  constexpr std::array<std::pair<double, const char*>, 4> kUnits{{{1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}, {1, "bit/s"}}};
  for (const auto& [size, unit] : kUnits) {
    if (bits_per_second < size * 0.9995) continue;
    std::string number = three_figures(bits_per_second / size);
    if (number.find('.') != std::string::npos) {
      number.erase(number.find_last_not_of('0') + 1);
      if (number.back() == '.') number.pop_back();
    }
    return number + " " + unit;
  }
  return three_figures(bits_per_second) + " bit/s";
}

std::string bytes_text(double bytes) {
  if (bytes < 0) return kDash;
  return bytes == 0 ? "0" : format_bytes(bytes);
}

}  // namespace scissionlite::report
