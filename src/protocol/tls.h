// Who a program is, and whom it trusts, on a connection: files in PEM, read where a connection is made.
#pragma once

#include "base/file.h"

namespace scissionlite::protocol {

/// All three, or none: plain text. Both ends show a certificate, and take one that `authority` has signed.
struct TlsFiles {
  fs::path authority, certificate, key;
  [[nodiscard]] bool are_given() const { return !authority.empty() || !certificate.empty() || !key.empty(); }
};
/// Whether an address, with or without port, is this machine's alone.
[[nodiscard]] bool is_loopback(const std::string& address);

/// Plain text leaves this machine only where it is asked for. @param what  of the message, "the hub at '10.0.0.1:80' is on another machine".
/// @throws InvalidArgument: neither `files` nor leave.
void check_plain_text(const TlsFiles& files, bool is_allowed, const std::string& address, const std::string& what);

}  // namespace scissionlite::protocol
