// Counters and gauges of the server as Prometheus text: Triton's names, so that dashboards made for it work, and some of
// our own. Everything is read from the statistics that the protocol shows too; nothing is counted twice.
#pragma once

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "server/http/http_server.h"
#include "server/models/repository.h"

namespace scissionlite::trace {
class Tracer;
}

namespace scissionlite::server {

struct MetricsSource {
  const Repository& repository;
  const RefusalCounts& refusals;
  std::vector<std::pair<std::string, const http::HttpCounts*>> http;  // by what the port serves: "http", "metrics"
  const std::atomic<uint64_t>* package_bytes = nullptr;               // sent to devices that fetch packages
  const trace::Tracer* tracer = nullptr;                              // where requests are traced
};

[[nodiscard]] std::string metrics_text(const MetricsSource& source);

}  // namespace scissionlite::server
