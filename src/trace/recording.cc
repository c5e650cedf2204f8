#include "trace/recording.h"

#include <chrono>

namespace scissionlite::trace {

Recording::Recording(Tracer& tracer, const Context& context, std::string name, Kind kind, const Clock& clock)
    : tracer_(tracer),
      clock_(clock),
      unix_start_ns_(std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count()),
      start_us_(clock.now_us()) {
  trace_.high = context.trace_high, trace_.low = context.trace_low;
  Span root;
  root.id = tracer.next_span();
  root.parent = context.span;
  root.name = std::move(name);
  root.kind = kind;
  root.start_ns = unix_start_ns_;
  trace_.spans.push_back(std::move(root));
}

int64_t Recording::unix_ns(double us) const { return unix_start_ns_ + static_cast<int64_t>((us - start_us_) * 1e3); }

Span& Recording::add(std::string name, Kind kind, double start_us, double end_us) {
  Span span;
  span.id = tracer_.next_span();
  span.parent = root().id;
  span.name = std::move(name);
  span.kind = kind;
  span.start_ns = unix_ns(start_us);
  span.end_ns = unix_ns(end_us);
  return trace_.spans.emplace_back(std::move(span));
}

void Recording::submit(double end_us) {
  root().end_ns = unix_ns(end_us);
  tracer_.submit(std::move(trace_));
}

void Stage::end() {
  auto& span = recording_->add(name_, kind_, start_us_, recording_->clock().now_us());
  span.id = id_;
  span.attributes = std::move(attributes_);
  span.error = std::move(error_);
}

}  // namespace scissionlite::trace
