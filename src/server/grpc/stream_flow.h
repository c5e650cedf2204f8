// StreamFlow: what a stream of requests does next. Several are in flight at once, so that they are run in one batch and a slow one keeps none from
// being read; answers go out in the order of their requests, as Triton's do.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "server/access/quotas.h"
#include "server/inference/held_inference.h"

namespace scissionlite::server {

/// Safe from any thread. Whoever has told it something asks for `next` until there is nothing left to do, outside of any lock. What is to be done is
/// told to one thread alone, and kFinish when no other has anything to do.
class StreamFlow {
 public:
  /// A request, until its answer is sent.
  struct Slot {
    HeldInference inference;
    std::string id;
    grpc::ByteBuffer response;
    Ticket bytes;  // of the response
    bool is_ready = false;
  };
  enum class Step { kNothing, kRead, kWrite, kFinish };
  enum class End { kNone, kOfCaller, kBroken, kOfServer };

  explicit StreamFlow(size_t most_at_once) : most_at_once_(most_at_once) {}

  [[nodiscard]] Step next();
  /// After kRead, once reading has begun.
  void read_begun();
  /// @return where the request goes; nullptr: there was none, and none will come.
  [[nodiscard]] std::shared_ptr<Slot> read_done(bool ok);
  /// Its response is there.
  void ready(Slot& slot);
  /// After kWrite.
  [[nodiscard]] grpc::ByteBuffer& to_write() const { return slots_.front()->response; }
  void write_done(bool ok);
  /// The caller has gone.
  void cancel();
  /// The server ends: what was read is answered.
  void wind_down();
  /// After kFinish.
  [[nodiscard]] End end() const { return end_; }

 private:
  const size_t most_at_once_;
  std::mutex mutex_;                         // guards all below
  std::deque<std::shared_ptr<Slot>> slots_;  // in the order of requests; the front may be being written
  bool is_reading_ = false, is_writing_ = false, is_gone_ = false, is_finished_ = false;
  int beginning_ = 0;  // threads between kRead and read_begun
  End end_ = End::kNone;
};

}  // namespace scissionlite::server
