// Servers that speak TLS by OpenSSL itself, as HTTP's does: what a TlsEnd knows, as a context of OpenSSL.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace scissionlite::protocol {

class TlsEnd;

/// Of one certificate with its key: TLS 1.2 and later, for clients that show a certificate which `end` accepts, whose authority they are told.
/// Sessions are not resumed: each handshake asks `end`, which has to outlive the context.
/// @throws InvalidArgument when OpenSSL does not take the texts, all in PEM; ResourceError when it has no memory.
[[nodiscard]] std::shared_ptr<SSL_CTX> make_server_context(const std::string& certificate, const std::string& key, const std::string& authority,
                                                           TlsEnd& end);

/// The other end's certificate and the authorities' that it shows behind it, in PEM; "" when it shows none.
[[nodiscard]] std::string chain_of_peer(const SSL& connection);

}  // namespace scissionlite::protocol
