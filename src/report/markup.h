// HTML and SVG as text: everything that comes from outside passes through `escape` or an attribute of `element`.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace scissionlite::report {

/// Text made safe as content and in quoted attributes; control characters become spaces.
[[nodiscard]] std::string escape(std::string_view text);

using Attributes = std::initializer_list<std::pair<std::string_view, std::string>>;
/// <name key="value">content</name>. Values are escaped; `content` is markup already. An attribute whose value is empty
/// is left out.
[[nodiscard]] std::string element(std::string_view name, Attributes attributes, std::string_view content = "");

/// JSON for a <script type="application/json">: "<", ">" and "&" as \u escapes, so that no text can end the script.
[[nodiscard]] std::string script_json(const Json& json);

/// A coordinate with at most two decimals, without needless zeros.
[[nodiscard]] std::string coordinate(double value);

// Numbers for people; an en dash where there is none.
[[nodiscard]] std::string ms(double duration_us);  ///< "61.2 ms", three figures
[[nodiscard]] std::string percent(double share, int decimals = 1);
[[nodiscard]] std::string bandwidth(double bits_per_second);  ///< "58.8 Mbit/s"
[[nodiscard]] std::string bytes_text(double bytes);           ///< "25.1 kB"; "0" for nothing; dash below 0

}  // namespace scissionlite::report
