#include "device/edge_times.h"

#include <algorithm>

namespace scissionlite::device {

double take_edge_times(const protocol::Parameters& parameters, double call_us, Parts& parts) {
  const auto told_us = [&](const char* key) {
    const double us = protocol::number_or(parameters, key, 0);
    return us >= 0 && us <= call_us ? us : 0;  // NaN is neither
  };
  parts.edge_queue_us = told_us("queue_us");
  parts.edge_decode_us = told_us("decode_us");
  parts.edge_compute_us = told_us("compute_us");
  parts.cloud_queue_us = told_us("cloud_queue_us");
  parts.cloud_decode_us = told_us("cloud_decode_us");
  parts.cloud_compute_us = told_us("cloud_compute_us");
  parts.cloud_wire_us = 0;
  parts.cloud_wire_us = std::max(0.0, told_us("forward_us") - parts.cloud_us());
  return std::min(call_us, parts.edge_queue_us + parts.edge_decode_us + parts.edge_compute_us + parts.cloud_us());
}

}  // namespace scissionlite::device
