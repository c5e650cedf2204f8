#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/error.h"
#include "base/log.h"
#include "protocol/server_context_internal.h"
#include "protocol/tls_end_internal.h"

namespace scissionlite::protocol {
namespace {

void append_pem(std::string& text, const X509& certificate) {
  const BioPointer bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), &certificate) != 1) return;
  char* data = nullptr;
  const auto length = BIO_get_mem_data(bio.get(), &data);
  text.append(data, static_cast<size_t>(length));
}

/// OpenSSL's question whether a client's certificate is to be accepted; nothing may be thrown through it.
int ask(X509_STORE_CTX* check, void* end) {
  try {
    std::string chain;
    append_pem(chain, *X509_STORE_CTX_get0_cert(check));
    const auto* sent = X509_STORE_CTX_get0_untrusted(check);
    for (int i = 1; i < sk_X509_num(sent); ++i) append_pem(chain, *sk_X509_value(sent, i));
    const bool is_accepted = static_cast<TlsEnd*>(end)->check_peer(chain, "").empty();
    X509_STORE_CTX_set_error(check, is_accepted ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return is_accepted ? 1 : 0;
  } catch (const std::exception& e) {
    log::error(std::string("[tls] a client's certificate could not be checked: ") + e.what());
    X509_STORE_CTX_set_error(check, X509_V_ERR_OUT_OF_MEM);
    return 0;
  }
}

/// @throws InvalidArgument with the reason that OpenSSL has left.
void require(bool is_taken) {
  if (is_taken) return;
  const auto code = ERR_peek_last_error();
  const char* why = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  throw InvalidArgument(std::string("[tls] OpenSSL does not take this machine's certificate and key: ") + (why == nullptr ? "no reason given" : why));
}

void use(SSL_CTX& context, const std::string& certificate, const std::string& key) {
  const auto chain = certificates_in(certificate);
  for (const auto& one : chain)
    require((one == chain.front() ? SSL_CTX_use_certificate(&context, one.get()) : SSL_CTX_add1_chain_cert(&context, one.get())) == 1);
  const auto own = private_key(key);
  require(!chain.empty() && own != nullptr && SSL_CTX_use_PrivateKey(&context, own.get()) == 1);
}

}  // namespace

std::shared_ptr<SSL_CTX> make_server_context(const std::string& certificate, const std::string& key, const std::string& authority, TlsEnd& end) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), [](SSL_CTX* one) { SSL_CTX_free(one); });
  if (context == nullptr) throw ResourceError("[tls] OpenSSL has no memory for a context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  use(*context, certificate, key);
  for (const auto& one : certificates_in(authority)) SSL_CTX_add_client_CA(context.get(), one.get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context.get(), ask, &end);
  return context;
}

std::string chain_of_peer(const SSL& connection) {
  std::string text;
  const auto* own = SSL_get0_peer_certificate(&connection);
  if (own == nullptr) return text;
  append_pem(text, *own);
  const auto* chain = SSL_get_peer_cert_chain(&connection);  // a server's is without the first
  for (int i = 0; i < sk_X509_num(chain); ++i) append_pem(text, *sk_X509_value(chain, i));
  return text;
}

}  // namespace scissionlite::protocol
