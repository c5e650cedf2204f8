// gRPC's side of tls.h. Private to folders that make connections.
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "protocol/tls.h"

namespace scissionlite::protocol {

/// @throws InvalidArgument: one or two of the files only, or one that holds no PEM; ResourceError: a file cannot be read.
[[nodiscard]] std::shared_ptr<grpc::ChannelCredentials> client_credentials(const TlsFiles& files);
/// Clients without a certificate are refused.
[[nodiscard]] std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsFiles& files);
/// The common name of the client's certificate; empty on plain text.
[[nodiscard]] std::string name_of_peer(const grpc::ServerContext& context);

}  // namespace scissionlite::protocol
