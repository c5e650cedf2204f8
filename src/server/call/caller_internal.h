// Who makes a call.
#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

namespace scissionlite::protocol {
class TlsEnd;
}

namespace scissionlite::server {

/// "ipv4:10.0.0.7:4021" -> "10.0.0.7", "ipv6:%5B::1%5D:4021" -> "::1", "unix:..." -> "unix".
[[nodiscard]] std::string address_of_peer(const std::string& peer);
/// The name in a caller's certificate, in PEM. @throws Refusal kUnauthenticated: it was revoked or expired since the connection was made, or has no
/// name.
[[nodiscard]] std::string identity_of(const std::string& chain_pem, protocol::TlsEnd& tls);
/// The same of a gRPC call; on plain text (`tls` is nullptr) its address, without the port.
[[nodiscard]] std::string identity_of(const grpc::ServerContextBase& call, protocol::TlsEnd* tls);

/// Whether the caller speaks a version of ScissionLite's protocol that this server speaks (protocol/versions.h). @param is_device  the call has what
/// only our device sends, so that silence means an old one; a stock client says nothing and may call.
/// @throws Refusal kFailedPrecondition with both ranges; InvalidArgument where the caller's is none.
void check_versions(const grpc::ServerContextBase& call, bool is_device);

}  // namespace scissionlite::server
