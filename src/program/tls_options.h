// Options of programs that dial, or are dialled.
#pragma once

#include "program/program.h"
#include "protocol/tls.h"

namespace scissionlite::cli {

inline void declare_tls(CLI::App& app, protocol::TlsFiles& files) {
  app.add_option("--tls-ca", files.authority, "certificate (PEM) that signed the other end's")->check(CLI::ExistingFile);
  app.add_option("--tls-cert", files.certificate, "certificate of this end")->check(CLI::ExistingFile);
  app.add_option("--tls-key", files.key, "its private key")->check(CLI::ExistingFile);
}

/// The same, and what certificates are no longer accepted.
inline void declare_tls_with_list(CLI::App& app, protocol::TlsFiles& files) {
  declare_tls(app, files);
  app.add_option("--tls-crl", files.revoked, "list of revoked certificates (PEM) of the authority in --tls-ca")->check(CLI::ExistingFile);
}

/// Of a command that dials an edge.
inline void declare_security(CLI::App& app, protocol::Security& security) {
  declare_tls_with_list(app, security.tls);
  app.add_flag("--plain-text", security.allows_plain_text, "without TLS to an edge on another machine, where the network is trusted");
}

}  // namespace scissionlite::cli
