// Where traces go: a file, or a collector over HTTP.
#pragma once

#include <memory>
#include <string>

#include "base/file.h"

namespace scissionlite::trace {

/// One caller at a time.
class Sink {
 public:
  virtual ~Sink() = default;
  /// As messages name it: "file 'traces.jsonl'".
  [[nodiscard]] virtual std::string name() const = 0;
  /// Takes one TracesData message. @throws TransportError, which says whether another try may succeed; ResourceError.
  virtual void write(const std::string& otlp_json, double timeout_us) = 0;
};

/// Appends lines. @throws ResourceError when the file cannot be written.
[[nodiscard]] std::unique_ptr<Sink> make_file_sink(const fs::path& file);
/// OTLP/HTTP: POST to `endpoint`, "http://host:4318" or with a path in place of /v1/traces. Nothing is connected here.
/// @throws InvalidArgument: no such address, or one on another machine without `allows_plain_text`.
[[nodiscard]] std::unique_ptr<Sink> make_http_sink(const std::string& endpoint, bool allows_plain_text);

}  // namespace scissionlite::trace
