// The spans of one image while it is on its way. One thread at a time: the image is handed from stage to stage.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "trace/tracer.h"

namespace scissionlite::trace {

class Recording {
 public:
  /// Begins its outermost span, named `name`. @param context  of Tracer::begin, sampled.
  Recording(Tracer& tracer, const Context& context, std::string name, Kind kind, const Clock& clock);
  [[nodiscard]] Span& root() { return trace_.spans.front(); }
  /// It began at another time than when this was made.
  void begin_at(double start_us) { root().start_ns = unix_ns(start_us); }
  /// Adds a span below the outermost one. Times are of the clock that was given.
  Span& add(std::string name, Kind kind, double start_us, double end_us);
  /// What another process is told, so that its spans are children of `span`.
  [[nodiscard]] Context context_of(uint64_t span) const { return {trace_.high, trace_.low, span, /*is_sampled=*/true}; }
  [[nodiscard]] std::string id() const { return trace_id(trace_.high, trace_.low); }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  [[nodiscard]] uint64_t next_span() { return tracer_.next_span(); }
  /// Ends the outermost span and hands all to the exporters. Once.
  void submit(double end_us);

 private:
  [[nodiscard]] int64_t unix_ns(double us) const;
  Tracer& tracer_;
  const Clock& clock_;
  int64_t unix_start_ns_;
  double start_us_;
  Trace trace_;
};

/// A span from here to the end of the block; nothing where `recording` is nullptr.
class Stage {
 public:
  Stage(Recording* recording, const char* name, Kind kind = Kind::kInternal)
      : recording_(recording),
        name_(name),
        kind_(kind),
        start_us_(recording ? recording->clock().now_us() : 0),
        id_(recording ? recording->next_span() : 0) {}
  ~Stage() {
    if (recording_) end();
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  void note(const char* key, FieldValue value) {
    if (recording_) attributes_.emplace_back(key, std::move(value));
  }
  void fail(const std::string& why) {
    if (recording_) error_ = why;
  }
  /// For the traceparent of what is asked of another process within this span.
  [[nodiscard]] uint64_t id() const { return id_; }

 private:
  void end();
  Recording* recording_;
  const char* name_;
  Kind kind_;
  double start_us_;
  uint64_t id_;
  Fields attributes_;
  std::string error_;
};

}  // namespace scissionlite::trace
