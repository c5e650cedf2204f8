// Offload: the machine that finishes what this one began, as its caller sees it. "The edge" of a device; of an edge that forwards, the cloud.
//
// What lives here: that machine as an interface, so that tests can put anything in its place, and the one over gRPC (this file); whether it can be
// used now (edge_session.h); whether it holds the right tail (identity.h); codes that cross as streams (wire_coders.h).
// Relies on protocol, prepare, control. Start with EdgeSession.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "protocol/client.h"

namespace scissionlite::offload {

/// Whose a request is meant for and an answer is of, and what an edge claims to hold.
inline constexpr const char* kModelHashKey = "model_sha256";

/// By its own word the edge holds another tail than the one that is meant, or none yet; it may get it later.
struct OtherTail : InvalidArgument {
  using InvalidArgument::InvalidArgument;
};

/// The tensor that tells whether the edge holds the right tail was not answered in its time, though the small calls before it were: the link carries
/// little, or the engine hangs.
struct TooSlow : TransportError {
  explicit TooSlow(const std::string& m) : TransportError(m, /*retryable=*/true) {}
};

/// Every call throws what protocol::Client throws. Safe to call from several threads.
class Edge {
 public:
  virtual ~Edge() = default;
  [[nodiscard]] virtual std::string address() const = 0;
  /// Waits for a connection.
  virtual void connect() = 0;
  /// What the edge claims about a model: config parameters and metadata properties. A stock edge may claim nothing. @param sha256  of the one that is
  /// meant: an edge may still hold it when the model was replaced.
  [[nodiscard]] virtual std::map<std::string, std::string> claims(const std::string& model, const std::string& sha256) = 0;
  /// Name and extensions: the versions that it speaks (protocol/versions.h), whether it can answer with the best classes instead of all scores.
  [[nodiscard]] virtual protocol::ServerMetadata server() { return {}; }
  /// A call without effect, with so many bytes for nothing: its time shows what the link carries.
  virtual void ping(size_t padding_bytes, double deadline_us) = 0;
  [[nodiscard]] virtual protocol::InferResult infer(const protocol::InferRequest& request, double deadline_us) = 0;
  /// See protocol::Client::infer_async. Here: waits for the answer.
  virtual void infer_async(const protocol::InferRequest& request, double deadline_us, protocol::Answered done);
  /// Changes with every new connection, so that its user knows to check the identity again.
  [[nodiscard]] virtual uint64_t connection_number() = 0;
};

/// @throws what protocol::Client throws when it is made. @param connect_timeout_us  also the limit of the calls that check the identity.
[[nodiscard]] std::unique_ptr<Edge> make_grpc_edge(const std::string& address, double connect_timeout_us, const protocol::Security& security = {});

}  // namespace scissionlite::offload
