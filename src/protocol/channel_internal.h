// A channel that can be replaced, and how often its connection was lost. For .cc files only.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace scissionlite::protocol {

class TlsEnd;

/// A connection whose other end has gone without a word (a black hole, a NAT that forgot it, a machine that slept) stays READY for gRPC until the
/// kernel gives it up, which takes a quarter of an hour: so the channel is made anew. Calls that are under way keep the one that they began on.
/// Thread-safe.
class ReplaceableChannel {
 public:
  using Make = std::function<std::shared_ptr<grpc::Channel>()>;
  struct Now {
    std::shared_ptr<grpc::Channel> channel;
    uint64_t losses = 0;  // equal before and after: nobody else can have answered
  };
  explicit ReplaceableChannel(std::string address, Make make) : address_(std::move(address)), make_(std::move(make)), channel_(make_()) {}

  /// A connection that broke while idle is idle now, and one that breaks during a call fails it: between them nothing is missed, and no thread has to
  /// watch.
  [[nodiscard]] Now now();
  /// A call on it said that the connection broke.
  void count_loss();
  /// Looks at how a call of a few bytes, which any living link carries in time, ended: one that is not answered over a connection that seems to be
  /// there replaces `channel`, unless another has done so.
  void judge(const std::shared_ptr<grpc::Channel>& channel, const grpc::Status& status);

 private:
  std::string address_;
  Make make_;
  std::mutex mutex_;  // guards what follows
  std::shared_ptr<grpc::Channel> channel_;
  uint64_t losses_ = 0;
};

/// Connects, if need be. @return whether there is a connection within `timeout_us` of the steady clock, whatever the clock on the wall does
/// meanwhile.
[[nodiscard]] bool wait_for_connection(grpc::Channel& channel, double timeout_us);

/// As far as it is known, with what to look at. @param tls  nullptr: plain text. @param server  "a server", as it is called in that.
[[nodiscard]] std::string why_not_connected(const std::shared_ptr<grpc::Channel>& channel, TlsEnd* tls, const std::string& server);

}  // namespace scissionlite::protocol
