// Where packages come from: an interface, so that tests can put anything in its place, and an edge over gRPC.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>
#include <vector>

#include "delivery/listing.h"
#include "protocol/client.h"

namespace scissionlite::delivery {

/// What is wanted is not offered, or what is offered was tried and rejected.
struct NotOffered : Unusable {
  using Unusable::Unusable;
};

/// Every call throws what protocol::Client throws, and Unusable where that is InvalidArgument.
class Source {
 public:
  virtual ~Source() = default;
  [[nodiscard]] virtual std::string address() const = 0;
  /// Not checked, see check_offer.
  [[nodiscard]] virtual std::vector<Offer> offers() = 0;
  /// Hands the bytes of a file from `offset_bytes` on to `take`. Ends early, without an error, after half a minute in which some came: call it again
  /// from where it ended.
  /// @throws TransportError also when `stop` is requested, and what `take` throws.
  virtual void fetch(const std::string& sha256, int64_t offset_bytes, const std::function<void(std::string_view)>& take,
                     const std::stop_token& stop) = 0;
};

struct SourceOptions {
  protocol::Security security;
  double connect_timeout_us = 5e6, call_timeout_us = 10e6;
};
/// Dials when it is first asked. @throws InvalidArgument: plain text to another machine without leave, or files of TLS that do not fit;
/// ResourceError: they cannot be read.
[[nodiscard]] std::unique_ptr<Source> make_grpc_source(const std::string& address, const SourceOptions& options);

}  // namespace scissionlite::delivery
