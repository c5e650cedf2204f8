// Text for people: lists, sizes, suggestions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace scissionlite {

[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator = ", ");
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
/// "; did you mean 'x'?" when one candidate is near, else "; available: a, b, c" (at most ten).
[[nodiscard]] std::string did_you_mean(std::string_view given, const std::vector<std::string>& candidates);
/// "23.4 kB", powers of 1000.
[[nodiscard]] std::string format_bytes(double bytes);
/// "812 us", "23.4 ms", "1.23 s".
[[nodiscard]] std::string format_us(double duration_us);
/// Fixed number of decimals.
[[nodiscard]] std::string format_fixed(double value, int decimals);
/// Columns padded to equal width with two spaces between; the first row is the header, underlined. Columns whose cells
/// all look like numbers are right-aligned.
[[nodiscard]] std::string format_table(const std::vector<std::vector<std::string>>& rows);
/// Parses a number with an optional unit suffix out of k, M, G (powers of 1000) as "58.8M". @throws InvalidArgument.
[[nodiscard]] double parse_scaled(const std::string& text, const std::string& what);

}  // namespace scissionlite
