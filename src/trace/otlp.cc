#include "trace/otlp.h"

#include <cmath>

#include "base/json.h"
#include "base/version.h"
#include "trace/context.h"

namespace scissionlite::trace {
namespace {

constexpr int kStatusError = 2;

struct ToValue {
  Json operator()(bool v) const { return {{"boolValue", v}}; }
  Json operator()(int64_t v) const { return {{"intValue", std::to_string(v)}}; }
  Json operator()(double v) const {
    if (std::isnan(v)) return {{"doubleValue", "NaN"}};
    if (std::isinf(v)) return {{"doubleValue", v > 0 ? "Infinity" : "-Infinity"}};
    return {{"doubleValue", v}};
  }
  Json operator()(const std::string& v) const { return {{"stringValue", v}}; }
};

Json attributes_json(const Fields& fields) {
  Json out = Json::array();
  for (const auto& [key, value] : fields) out.push_back({{"key", key}, {"value", std::visit(ToValue(), value)}});
  return out;
}

Json span_json(const Trace& trace, const Span& span) {
  Json out{{"traceId", trace_id(trace.high, trace.low)}, {"spanId", span_id(span.id)}};
  if (span.parent != 0) out["parentSpanId"] = span_id(span.parent);
  out["name"] = span.name;
  out["kind"] = static_cast<int>(span.kind);
  out["startTimeUnixNano"] = std::to_string(span.start_ns);
  out["endTimeUnixNano"] = std::to_string(span.end_ns);
  if (!span.attributes.empty()) out["attributes"] = attributes_json(span.attributes);
  if (!span.error.empty()) out["status"] = {{"message", span.error}, {"code", kStatusError}};
  return out;
}

}  // namespace

std::string otlp_json(std::span<const Trace> traces, const std::string& service, const std::string& instance) {
  Json spans = Json::array();
  for (const auto& trace : traces)
    for (const auto& span : trace.spans) spans.push_back(span_json(trace, span));
  Fields resource{{"service.name", service}, {"service.version", kVersion}};
  if (!instance.empty()) resource.emplace_back("service.instance.id", instance);
  Json scope{{"scope", {{"name", "scissionlite"}, {"version", kVersion}}}};
  scope["spans"] = std::move(spans);
  Json one{{"resource", {{"attributes", attributes_json(resource)}}}};
  one["scopeSpans"] = Json::array({std::move(scope)});
  Json all;
  all["resourceSpans"] = Json::array({std::move(one)});
  return all.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace scissionlite::trace
