// Where traces go: a file, or a collector over HTTP.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/file.h"

namespace scissionlite::trace {

/// How long a write may still take. It may become less while it lasts: ask again and again.
using LeftUs = std::function<double()>;

/// One caller at a time.
class Sink {
 public:
  virtual ~Sink() = default;
  /// As messages name it: "file 'traces.jsonl'".
  [[nodiscard]] virtual std::string name() const = 0;
  /// Takes one TracesData message. @throws TransportError, which says whether another try may succeed; ResourceError.
  virtual void write(const std::string& otlp_json, const LeftUs& left_us) = 0;
};

/// Appends lines, whole ones: of one that finds no room nothing stays, and behind one that a process which was ended has left a new one is begun.
/// @throws ResourceError when the file cannot be written.
[[nodiscard]] std::unique_ptr<Sink> make_file_sink(const fs::path& file);
/// OTLP/HTTP: POST to `endpoint`, "http://host:4318" or with a path in place of /v1/traces. Nothing is connected here.
/// @throws InvalidArgument: no such address, or one on another machine without `allows_plain_text`.
[[nodiscard]] std::unique_ptr<Sink> make_http_sink(const std::string& endpoint, bool allows_plain_text);

}  // namespace scissionlite::trace
