// Who a program is, and whom it trusts, on a connection: files in PEM, read where a connection is made.
#pragma once

#include "base/file.h"

namespace scissionlite::protocol {

/// The first three, or none: plain text. Both ends show a certificate, and take one that `authority` has signed.
struct TlsFiles {
  fs::path authority, certificate, key;
  fs::path revoked;  // lists of revoked certificates (CRL), in PEM; "": none
  [[nodiscard]] bool are_given() const { return !authority.empty() || !certificate.empty() || !key.empty() || !revoked.empty(); }
};
/// How an end is secured: by files, or by leave to do without.
struct Security {
  TlsFiles tls;
  bool allows_plain_text = false;  // to and on addresses of other machines
};

/// "10.0.0.1:80" and "10.0.0.1" -> "10.0.0.1", "[::1]:80" and "::1" -> "::1".
[[nodiscard]] std::string host_of(const std::string& address);
/// Whether an address, with or without port, is this machine's alone.
[[nodiscard]] bool is_loopback(const std::string& address);

/// Plain text leaves this machine only where it is asked for. @param what  of the message, "the hub at '10.0.0.1:80' is on another machine".
/// @throws InvalidArgument: neither `files` nor leave.
void check_plain_text(const TlsFiles& files, bool is_allowed, const std::string& address, const std::string& what);

}  // namespace scissionlite::protocol
