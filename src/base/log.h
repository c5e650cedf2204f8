// Logging to stderr with a level; stdout belongs to results. Built on spdlog, which stays out of this header.
#pragma once

#include <string>

namespace scissionlite::log {

enum class Level { kDebug, kInfo, kWarning, kError, kOff };
/// Default kWarning; the command line sets it from --verbose / --quiet.
void set_level(Level level);
void debug(const std::string& message);
void info(const std::string& message);
void warning(const std::string& message);
void error(const std::string& message);

}  // namespace scissionlite::log
