#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <ctime>

#include "base/json.h"

namespace scissionlite::log {
namespace {

std::atomic<Format> g_format{Format::kText};

spdlog::logger& logger() {
  static const auto instance = [] {
    auto created = spdlog::stderr_color_mt("scissionlite");
    created->set_pattern("%H:%M:%S.%e %^%l%$ %v");
    created->set_level(spdlog::level::warn);
    return created;
  }();
  return *instance;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace); }

Json json_of(const FieldValue& value) {
  return std::visit([](const auto& v) { return Json(v); }, value);
}

/// "2026-01-31T12:00:00.000123Z"
std::string time_text(int64_t unix_us) {
  const std::time_t seconds = unix_us / 1'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const size_t n = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:06}Z", std::string_view(text, n), unix_us % 1'000'000);
}

void write(spdlog::level::level_enum level, const char* name, const std::string& message, const Fields& fields) {
  if (!logger().should_log(level)) return;
  if (g_format == Format::kText) return logger().log(level, "{}{}", message, text_of(fields));
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  logger().log(level, "{}", json_line(std::chrono::duration_cast<std::chrono::microseconds>(now).count(), name, message, fields));
}

}  // namespace

void set_level(Level level) {
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::err,
                                                          spdlog::level::off};
  logger().set_level(kLevels[static_cast<int>(level)]);
}

void set_format(Format format) {
  g_format = format;
  logger().set_pattern(format == Format::kJson ? "%v" : "%H:%M:%S.%e %^%l%$ %v");
}
Format format() { return g_format; }

void debug(const std::string& message, const Fields& fields) { write(spdlog::level::debug, "debug", message, fields); }
void info(const std::string& message, const Fields& fields) { write(spdlog::level::info, "info", message, fields); }
void warning(const std::string& message, const Fields& fields) { write(spdlog::level::warn, "warning", message, fields); }
void error(const std::string& message, const Fields& fields) { write(spdlog::level::err, "error", message, fields); }

std::string json_line(int64_t unix_us, const std::string& level, const std::string& message, const Fields& fields) {
  Json line{{"time", time_text(unix_us)}, {"level", level}};
  const size_t end = message.starts_with('[') ? message.find("] ") : std::string::npos;
  if (end != std::string::npos) line["component"] = message.substr(1, end - 1);
  line["message"] = end == std::string::npos ? message : message.substr(end + 2);
  for (const auto& [key, value] : fields) line[key] = json_of(value);
  return dump(line);
}

std::string text_of(const Fields& fields) {
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/+";
  std::string out;
  for (const auto& [key, value] : fields) {
    const auto* text = std::get_if<std::string>(&value);
    const bool is_plain = text && !text->empty() && text->find_first_not_of(kPlain) == std::string::npos;
    out += " " + key + "=" + (is_plain ? *text : dump(json_of(value)));
  }
  return out;
}

}  // namespace scissionlite::log
