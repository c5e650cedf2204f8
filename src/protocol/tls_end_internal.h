// One end of TLS connections as a thing with a memory: its certificate and the authority it trusts, read again when their files change,
// while connections go on. Both ends check the other's certificate here and not in gRPC, because the reason is told
// (certificates_internal.h) and because the authority can be replaced.
#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/log_limit.h"
#include "protocol/certificates_internal.h"
#include "protocol/staged_identity_internal.h"
#include "protocol/tls.h"

namespace scissionlite::protocol {

struct Peer {
  std::string name, objection;  // objection: why it is not accepted any more
  int64_t checked_s = 0;
};

/// Safe to use from several threads. Lives as long as the credentials that it gave.
class TlsEnd : public std::enable_shared_from_this<TlsEnd> {
 public:
  /// A certificate outside its time is no error here, since a clock may be set later: see `own_objection`.
  /// @throws InvalidArgument: one or two of three files only, no PEM, a key of another certificate; ResourceError: a file cannot be read.
  TlsEnd(TlsFiles files, Side side);

  [[nodiscard]] std::shared_ptr<grpc::ServerCredentials> server_credentials();
  /// @param host  that the server's certificate must be of.
  [[nodiscard]] std::shared_ptr<grpc::ChannelCredentials> client_credentials(const std::string& host);
  /// For a server without gRPC (server_context_internal.h): of the files as they were read last, so ask for each connection. Not to be used after
  /// this end.
  [[nodiscard]] std::shared_ptr<SSL_CTX> server_context();

  /// Reads the files again if they have changed, or always when `is_asked_for`. New connections use them within a second; those that are
  /// open stay. What is bad (damaged, key of another certificate, expired, not yet valid) is logged once and the old ones are kept.
  /// @return whether they were replaced.
  bool reload(bool is_asked_for);

  /// "this machine's certificate 'dev.pem' expired on ..." or "".
  [[nodiscard]] std::string own_objection() const;
  /// Why the last peer was refused, or own_objection; "" when there is nothing to say. For the text of a failed connection.
  [[nodiscard]] std::string trouble() const;
  /// Checks a peer; what is refused is logged once an interval. @return the reason, "" when it is accepted.
  [[nodiscard]] std::string check_peer(const std::string& chain_pem, const std::string& host);
  /// Who a peer with an open connection is, and whether its certificate was revoked or has expired since. Answers are remembered for
  /// some seconds, until files are read again.
  [[nodiscard]] Peer recognise(const std::string& chain_pem);
  [[nodiscard]] const TlsFiles& files() const { return files_; }

 private:
  struct Texts {
    std::string authority, certificate, key, revoked;
    bool operator==(const Texts&) const = default;
  };
  [[nodiscard]] static Texts read(const TlsFiles& files);
  void judge(const Texts& texts, std::shared_ptr<const Authority>& authority, X509Pointer& own) const;
  [[nodiscard]] std::string own_objection(X509& own) const;

  const TlsFiles files_;
  const Side side_;
  LogLimit limit_;
  mutable std::mutex mutex_;  // guards what follows
  Texts texts_;
  std::shared_ptr<const Authority> authority_;
  X509Pointer own_;
  std::unique_ptr<StagedIdentity> staged_;
  std::shared_ptr<SSL_CTX> context_;  // of texts_, made when first asked for
  std::string refused_peer_;
  std::string rejected_;                    // files that were not taken, which is logged once
  Texts seen_;                              // by the last look: files are judged when two looks in a row see the same
  std::map<std::string, Peer> remembered_;  // by certificate
};

/// nullptr where no files are given: plain text.
[[nodiscard]] std::shared_ptr<TlsEnd> make_tls_end(const TlsFiles& files, Side side);

/// Plain text for nullptr.
[[nodiscard]] std::shared_ptr<grpc::ServerCredentials> server_credentials(const std::shared_ptr<TlsEnd>& end);
/// @param address  host:port that is dialled. Plain text for nullptr.
[[nodiscard]] std::shared_ptr<grpc::ChannelCredentials> client_credentials(const std::shared_ptr<TlsEnd>& end, const std::string& address);

}  // namespace scissionlite::protocol
