// Certificates by OpenSSL: what files hold, and whether a peer's is to be accepted, with the reason in words. gRPC's own check says only
// "certificate verify failed", which does not tell an operator whether a clock is wrong or a device was stolen.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace scissionlite::protocol {

struct X509Free {
  void operator()(X509* one) const { X509_free(one); }
  void operator()(X509_STORE* one) const { X509_STORE_free(one); }
  void operator()(BIO* one) const { BIO_free(one); }
  void operator()(EVP_PKEY* one) const { EVP_PKEY_free(one); }
};
using X509Pointer = std::unique_ptr<X509, X509Free>;
using BioPointer = std::unique_ptr<BIO, X509Free>;
using KeyPointer = std::unique_ptr<EVP_PKEY, X509Free>;

/// What the holder of a certificate does with it.
enum class Side { kClient, kServer };

/// The first certificate of a PEM text; nullptr when there is none.
[[nodiscard]] X509Pointer first_certificate(const std::string& pem);
/// All of it, in order.
[[nodiscard]] std::vector<X509Pointer> certificates_in(const std::string& pem);
/// The private key of a PEM text, which is not asked a passphrase for; nullptr when there is none that can be read.
[[nodiscard]] KeyPointer private_key(const std::string& pem);
/// Its common name, else its first DNS name or address; "" without any. Names that hold a NUL are none.
[[nodiscard]] std::string name_of(X509& certificate);
/// "expired on ...", "is not valid before ...; is this machine's clock (...) right?", or "".
[[nodiscard]] std::string objection_to_time(X509& certificate, int64_t now_s);
/// "2026-11-28 09:12:00 UTC"
[[nodiscard]] std::string utc(int64_t time_s);

/// @throws InvalidArgument: no such key in the text, or of another certificate. Nothing of the key is in the message.
void check_key(const std::string& key_pem, X509& certificate, const std::string& key_path, const std::string& certificate_path);

/// Who signs the certificates that are accepted, and which of them are revoked. Immutable.
class Authority {
 public:
  /// @param revoked_pem  lists (CRL); "": none are asked for. @throws InvalidArgument: a text without a certificate or a list.
  Authority(const std::string& pem, const std::string& path, const std::string& revoked_pem, const std::string& revoked_path, int64_t now_s);

  /// Why a peer is not accepted: "expired on ...", "is revoked", "is not signed by ..."; "" when it is.
  /// @param chain_pem  its certificate first, then those between it and the authority. @param host  that a server has to be; "": any.
  [[nodiscard]] std::string objection(const std::string& chain_pem, Side side, const std::string& host, int64_t now_s) const;

 private:
  std::string path_;
  bool has_lists_ = false;
  std::unique_ptr<X509_STORE, X509Free> store_;
};

}  // namespace scissionlite::protocol
