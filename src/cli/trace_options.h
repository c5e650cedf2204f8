// Options of commands that answer images: what is traced and logged of each.
#pragma once

#include <unistd.h>

#include <random>

#include "program/program.h"
#include "trace/tracer.h"

namespace scissionlite::cli {

inline void declare_tracing(CLI::App& app, trace::TracerOptions& options, bool& logs_requests) {
  app.add_option("--trace-file", options.file, "append OpenTelemetry spans to this file, as OTLP JSON, a message a line")->type_name("FILE");
  app.add_option("--trace-endpoint", options.endpoint,
                 "send OpenTelemetry spans to this collector by OTLP/HTTP, as http://127.0.0.1:4318; one on another machine takes --plain-text")
      ->type_name("URL");
  app.add_option("--trace-sample", options.sample_rate, "share of images or requests that are traced; a request of a traced image always is")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_flag("--log-requests", logs_requests, "log a line for each image or request, with its request_id");
}

/// @param instance  which of those with the name `service`. nullptr when nothing is to be traced. It starts threads.
[[nodiscard]] inline std::shared_ptr<trace::Tracer> make_tracer(trace::TracerOptions options, const std::string& service, const std::string& instance,
                                                                bool allows_plain_text) {
  options.service = service;
  options.instance = instance;
  options.allows_plain_text = allows_plain_text;
  std::random_device random;
  options.seed = static_cast<uint64_t>(random()) << 32 | random();
  return trace::make_tracer(options);
}

}  // namespace scissionlite::cli
