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

}  // namespace scissionlite::cli
