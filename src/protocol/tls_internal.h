// gRPC's side of tls.h. Private to folders that make connections.
#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "protocol/tls_end_internal.h"

namespace scissionlite::protocol {

/// Of an end that never reads its files again; see TlsEnd for what they throw. @param address  host:port that is dialled.
[[nodiscard]] std::shared_ptr<grpc::ChannelCredentials> client_credentials(const TlsFiles& files, const std::string& address);
/// Clients without a certificate are refused.
[[nodiscard]] std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsFiles& files);
/// Who the client's certificate is of: its common name, else its first alternative name; "" on plain text.
[[nodiscard]] std::string name_of_peer(const grpc::ServerContextBase& context);
/// The client's certificate and the authorities' that it shows behind it, in PEM; "" on plain text.
[[nodiscard]] std::string chain_of_peer(const grpc::ServerContextBase& context);

}  // namespace scissionlite::protocol
