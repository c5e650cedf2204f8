// What the handlers of every front end (gRPC, HTTP) share.
#pragma once

#include <atomic>

#include "server/access/bytes_in_flight.h"
#include "server/call/open_streams.h"
#include "server/inference/infer_internal.h"

namespace scissionlite::protocol {
class TlsEnd;
}

namespace scissionlite::server {

struct ServiceContext {
  Repository& repository;
  WorkPool& decoders;
  WorkPool& loader;  // one thread: loads come one after the other
  Access& access;
  protocol::TlsEnd* tls;  // of gRPC; nullptr: plain text
  const std::atomic<bool>& is_draining;
  int64_t max_pixels;
  int64_t max_message_bytes;  // of what compressed messages become
  bool allow_load;            // --model-control-mode explicit
  bool strict_readiness;      // ready only when every model is
  RefusalCounts& refusals;
  std::shared_ptr<Observer> observer;
  BytesInFlight& bytes;  // of requests and answers over gRPC and HTTP together
  OpenStreams& streams;

  [[nodiscard]] bool is_ready() const { return !is_draining && (!strict_readiness || repository.is_ready()); }
  [[nodiscard]] InferContext infer() const { return {repository, decoders, access, max_pixels, &refusals, observer, &bytes, &is_draining}; }
};

}  // namespace scissionlite::server
