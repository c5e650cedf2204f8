// Metrics of `run`, as Prometheus text on a port of their own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "device/offloader.h"
#include "server/http/http_server.h"

namespace scissionlite::cli {

/// Of one device, which share their counts.
using DevicePlans = std::vector<std::shared_ptr<const device::Offloader>>;

/// The first plan's tracer is told of.
[[nodiscard]] std::string device_metrics(const DevicePlans& plans);

/// Serves them at /metrics; nullptr when `address` is "". What `plans` uses has to outlive it.
/// @throws InvalidArgument: no HOST:PORT, or an address that others reach without `allows_plain_text`; ResourceError: the port cannot be taken.
[[nodiscard]] std::unique_ptr<server::http::HttpServer> serve_device_metrics(const std::string& address, bool allows_plain_text,
                                                                             std::function<DevicePlans()> plans);

}  // namespace scissionlite::cli
