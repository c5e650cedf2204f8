// Traces as OTLP JSON, the form of OpenTelemetry's file exporter and of OTLP/HTTP with Content-Type application/json.
#pragma once

#include <span>
#include <string>

#include "trace/span.h"

namespace scissionlite::trace {

/// One TracesData message without line breaks: ids as hexadecimal, 64-bit numbers as text, as the OTLP specification says. Bytes that are no UTF-8
/// are replaced.
/// @param service  resource attribute service.name. @param instance  service.instance.id; "" is left out.
[[nodiscard]] std::string otlp_json(std::span<const Trace> traces, const std::string& service, const std::string& instance);

}  // namespace scissionlite::trace
