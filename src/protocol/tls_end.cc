#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <ctime>

#include "base/error.h"
#include "base/log.h"
#include "protocol/server_context_internal.h"
#include "protocol/tls_end_internal.h"

namespace scissionlite::protocol {
namespace {

namespace tls = grpc::experimental;

constexpr int kRefresh_s = 1;          // of gRPC's provider, its least
constexpr int64_t kCheckAgain_s = 10;  // an open connection's certificate, for its time
constexpr size_t kMostRemembered = 10'000;

int64_t now_s() { return static_cast<int64_t>(std::time(nullptr)); }

std::string pem(const fs::path& path, const char* what) {
  if (path.empty())
    throw InvalidArgument(std::string("[tls] there is no ") + what + ": the authority's certificate, a certificate and its key go together");
  constexpr uint64_t kLargestBytes = 16 << 20;
  auto text = read_file(path, kLargestBytes);
  if (text.find("-----BEGIN ") == std::string::npos)
    throw InvalidArgument("[tls] '" + path.string() + "' is no " + what + " in PEM: it has no line -----BEGIN ...");
  return text;
}

class Verifier final : public tls::ExternalCertificateVerifier {
 public:
  Verifier(std::shared_ptr<TlsEnd> end, std::string host) : end_(std::move(end)), host_(std::move(host)) {}
  ~Verifier() override = default;
  bool Verify(tls::TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>, grpc::Status* status) override {
    const auto leaf = request->peer_cert(), chain = request->peer_cert_full_chain();
    const auto objection = end_->check_peer(std::string(leaf.data(), leaf.size()) + std::string(chain.data(), chain.size()), host_);
    if (!objection.empty()) *status = {grpc::StatusCode::UNAUTHENTICATED, "the certificate " + objection};
    return true;
  }
  void Cancel(tls::TlsCustomVerificationCheckRequest*) override {}

 private:
  std::shared_ptr<TlsEnd> end_;
  std::string host_;
};

std::shared_ptr<tls::CertificateProviderInterface> provider_of(const StagedIdentity& staged) {
  return std::make_shared<tls::FileWatcherCertificateProvider>(staged.path(), staged.path(), kRefresh_s);
}

}  // namespace

TlsEnd::TlsEnd(TlsFiles files, Side side) : files_(std::move(files)), side_(side), texts_(read(files_)) {
  judge(texts_, authority_, own_);
  staged_ = std::make_unique<StagedIdentity>(texts_.key + "\n" + texts_.certificate);
  seen_ = texts_;
}

TlsEnd::Texts TlsEnd::read(const TlsFiles& files) {
  return {.authority = pem(files.authority, "authority's certificate"),
          .certificate = pem(files.certificate, "certificate"),
          .key = pem(files.key, "private key"),
          .revoked = files.revoked.empty() ? "" : pem(files.revoked, "list of revoked certificates")};
}

void TlsEnd::judge(const Texts& texts, std::shared_ptr<const Authority>& authority, X509Pointer& own) const {
  authority = std::make_shared<const Authority>(texts.authority, files_.authority.string(), texts.revoked, files_.revoked.string(), now_s());
  own = first_certificate(texts.certificate);
  if (own == nullptr) throw InvalidArgument("[tls] '" + files_.certificate.string() + "' holds no certificate that can be read");
  check_key(texts.key, *own, files_.key.string(), files_.certificate.string());
}

std::string TlsEnd::own_objection(X509& own) const {
  const auto words = objection_to_time(own, now_s());
  return words.empty() ? "" : "this machine's certificate '" + files_.certificate.string() + "' " + words;
}

std::string TlsEnd::own_objection() const {
  const std::lock_guard lock(mutex_);
  return own_objection(*own_);
}

bool TlsEnd::reload(bool is_asked_for) {
  std::string why, what;
  try {
    const auto texts = read(files_);
    what = texts.authority + texts.certificate + texts.key + texts.revoked;
    const std::lock_guard lock(mutex_);
    const bool is_settled = texts == seen_;
    seen_ = texts;
    if (!is_asked_for && (!is_settled || texts == texts_)) return false;
    if (texts == texts_) {
      rejected_.clear();
      return false;
    }
    std::shared_ptr<const Authority> authority;
    X509Pointer own;
    judge(texts, authority, own);
    if (why = own_objection(*own); why.empty()) {
      if (context_ != nullptr) context_ = make_server_context(texts.certificate, texts.key, texts.authority, *this);
      staged_->replace(texts.key + "\n" + texts.certificate);
      texts_ = texts, authority_ = std::move(authority), own_ = std::move(own);
      rejected_.clear(), refused_peer_.clear(), remembered_.clear();
      log::warning("[tls] the certificates were read again: '" + name_of(*own_) + "' in '" + files_.certificate.string() +
                   "' serves new connections");
      return true;
    }
  } catch (const std::exception& e) { why = e.what(); }
  if (what.empty()) what = why;
  const std::lock_guard lock(mutex_);
  if (what != rejected_ || is_asked_for) log::error("[tls] the new certificates are not taken, the old ones stay in use: " + why);
  rejected_ = std::move(what);
  return false;
}

std::string TlsEnd::trouble() const {
  const std::lock_guard lock(mutex_);
  if (const auto own = own_objection(*own_); !own.empty()) return own;
  return refused_peer_;
}

std::string TlsEnd::check_peer(const std::string& chain_pem, const std::string& host) {
  std::shared_ptr<const Authority> authority;
  {
    const std::lock_guard lock(mutex_);
    authority = authority_;
  }
  const Side theirs = side_ == Side::kServer ? Side::kClient : Side::kServer;
  const auto objection = authority->objection(chain_pem, theirs, host, now_s());
  std::string who = theirs == Side::kClient ? "a client's certificate" : "the certificate of the other end";
  if (const auto leaf = first_certificate(chain_pem)) who += " ('" + name_of(*leaf) + "')";
  {
    const std::lock_guard lock(mutex_);
    refused_peer_ = objection.empty() ? "" : who + " " + objection;
  }
  std::string note;
  if (!objection.empty() && theirs == Side::kClient && limit_.admits(who + objection.substr(0, 20), note))
    log::warning("[tls] refused: " + who + " " + objection + note);
  return objection;
}

Peer TlsEnd::recognise(const std::string& chain_pem) {
  const int64_t now = now_s();
  std::shared_ptr<const Authority> authority;
  {
    const std::lock_guard lock(mutex_);
    authority = authority_;
    const auto found = remembered_.find(chain_pem);
    if (found != remembered_.end() && now >= found->second.checked_s && now - found->second.checked_s < kCheckAgain_s) return found->second;
    if (remembered_.size() >= kMostRemembered) remembered_.clear();
  }
  const auto certificate = first_certificate(chain_pem);
  Peer peer{.name = certificate == nullptr ? "" : name_of(*certificate), .objection = check_peer(chain_pem, ""), .checked_s = now};
  const std::lock_guard lock(mutex_);
  if (authority == authority_) remembered_[chain_pem] = peer;  // else it was checked by files that were replaced meanwhile
  return peer;
}

std::shared_ptr<grpc::ServerCredentials> TlsEnd::server_credentials() {
  tls::TlsServerCredentialsOptions options(provider_of(*staged_));
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);  // Verifier does, and takes no client without one
  options.set_certificate_verifier(tls::ExternalCertificateVerifier::Create<Verifier>(shared_from_this(), ""));
  return tls::TlsServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> TlsEnd::client_credentials(const std::string& host) {
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(provider_of(*staged_));
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(false);  // Verifier does, with the host
  options.set_check_call_host(false);
  options.set_certificate_verifier(tls::ExternalCertificateVerifier::Create<Verifier>(shared_from_this(), host));
  return tls::TlsCredentials(options);
}

std::shared_ptr<SSL_CTX> TlsEnd::server_context() {
  const std::lock_guard lock(mutex_);
  if (context_ == nullptr) context_ = make_server_context(texts_.certificate, texts_.key, texts_.authority, *this);
  return context_;
}

std::shared_ptr<TlsEnd> make_tls_end(const TlsFiles& files, Side side) { return files.are_given() ? std::make_shared<TlsEnd>(files, side) : nullptr; }

std::shared_ptr<grpc::ServerCredentials> server_credentials(const std::shared_ptr<TlsEnd>& end) {
  return end == nullptr ? grpc::InsecureServerCredentials() : end->server_credentials();
}

std::shared_ptr<grpc::ChannelCredentials> client_credentials(const std::shared_ptr<TlsEnd>& end, const std::string& address) {
  return end == nullptr ? grpc::InsecureChannelCredentials() : end->client_credentials(host_of(address));
}

}  // namespace scissionlite::protocol
