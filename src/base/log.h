// Logging to stderr with a level; stdout belongs to results. Built on spdlog, which stays out of this header.
#pragma once

#include <string>

#include "base/field.h"

namespace scissionlite::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };
/// Default kWarning; the command line sets it from --verbose / --quiet.
void set_level(Level level);
enum class Format { kText, kJson };
/// kJson: each line is an object {"time", "level", "component", "message"} with the fields behind; default kText.
void set_format(Format format);
[[nodiscard]] Format format();
/// `fields` stand behind the text as key=value, or are members of the object.
void debug(const std::string& message, const Fields& fields = {});
void info(const std::string& message, const Fields& fields = {});
void warning(const std::string& message, const Fields& fields = {});
void error(const std::string& message, const Fields& fields = {});

/// A line as `kJson` writes it. "[offload] text" becomes component "offload" and message "text". Bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string json_line(int64_t unix_us, const std::string& level, const std::string& message, const Fields& fields);
/// " key=value" for each; a value with other than letters, digits and -_.:/+ is quoted as JSON is, so that a line stays one line.
[[nodiscard]] std::string text_of(const Fields& fields);

}  // namespace scissionlite::log
