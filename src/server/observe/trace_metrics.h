// What became of spans, as metrics of both halves.
#pragma once

#include "server/observe/metric_families.h"
#include "trace/tracer.h"

namespace scissionlite::server {

/// Nothing where nothing is traced. @param tracer  may be nullptr.
inline void add_trace_spans(MetricFamilies& out, const trace::Tracer* tracer) {
  if (tracer == nullptr) return;
  const auto spans = tracer->counters();
  out.begin("scissionlite_trace_spans_total", "Spans that were written, and that found no room or no collector", prometheus::MetricType::Counter);
  out.add(static_cast<double>(spans.exported), {{"outcome", "exported"}});
  out.add(static_cast<double>(spans.dropped), {{"outcome", "dropped"}});
}

}  // namespace scissionlite::server
