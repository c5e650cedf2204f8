// For tests: authorities and what they sign, made by OpenSSL in memory.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "protocol/certificates_internal.h"

namespace scissionlite::protocol::testing {

struct KeyFree {
  void operator()(EVP_PKEY* one) const { EVP_PKEY_free(one); }
};
using Key = std::unique_ptr<EVP_PKEY, KeyFree>;

struct MadeCertificate {
  X509Pointer certificate;
  Key key;
};
struct Wanted {
  std::string name;
  std::string hosts;  // "IP:127.0.0.1,DNS:edge"; "": no alternative names
  int64_t from_s = 0, to_s = 0;
  std::string use;  // extendedKeyUsage; "": any
  bool is_authority = false;
};

inline void add_extension(X509& certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &certificate, &certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(&certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// @param by  who signs it; nullptr: itself.
inline MadeCertificate make_certificate(const Wanted& wanted, const MadeCertificate* by = nullptr) {
  MadeCertificate made{.certificate = X509Pointer(X509_new()), .key = Key(EVP_EC_gen("P-256"))};
  auto& x509 = *made.certificate;
  static int64_t serial = 1;
  X509_set_version(&x509, 2);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(&x509), serial++);
  ASN1_TIME_set(X509_getm_notBefore(&x509), static_cast<time_t>(wanted.from_s));
  ASN1_TIME_set(X509_getm_notAfter(&x509), static_cast<time_t>(wanted.to_s));
  X509_NAME_add_entry_by_txt(X509_get_subject_name(&x509), "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(wanted.name.data()),
                             static_cast<int>(wanted.name.size()), -1, 0);
  X509_set_issuer_name(&x509, X509_get_subject_name(by == nullptr ? &x509 : by->certificate.get()));
  X509_set_pubkey(&x509, made.key.get());
  if (wanted.is_authority) add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
  if (!wanted.hosts.empty()) add_extension(x509, NID_subject_alt_name, wanted.hosts);
  if (!wanted.use.empty()) add_extension(x509, NID_ext_key_usage, wanted.use);
  X509_sign(&x509, by == nullptr ? made.key.get() : by->key.get(), EVP_sha256());
  return made;
}

inline std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string out(data, static_cast<size_t>(size));
  BIO_free(bio);
  return out;
}
inline std::string pem_of(const MadeCertificate& made) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, made.certificate.get());
  return text_of(bio);
}
inline std::string key_pem_of(const MadeCertificate& made) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(bio, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio);
}
/// A list of what `authority` has revoked.
inline std::string list_pem(const MadeCertificate& authority, const MadeCertificate& revoked, int64_t from_s, int64_t to_s) {
  const std::unique_ptr<X509_CRL, decltype([](X509_CRL* one) { X509_CRL_free(one); })> list(X509_CRL_new());
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(authority.certificate.get()));
  const std::unique_ptr<ASN1_TIME, decltype([](ASN1_TIME*one) { ASN1_TIME_free(one); })> from(ASN1_TIME_set(nullptr, static_cast<time_t>(from_s))),
      to(ASN1_TIME_set(nullptr, static_cast<time_t>(to_s)));
  X509_CRL_set1_lastUpdate(list.get(), from.get());
  X509_CRL_set1_nextUpdate(list.get(), to.get());
  X509_REVOKED* entry = X509_REVOKED_new();
  X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked.certificate.get()));
  X509_REVOKED_set_revocationDate(entry, from.get());
  X509_CRL_add0_revoked(list.get(), entry);
  X509_CRL_sign(list.get(), authority.key.get(), EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_CRL(bio, list.get());
  return text_of(bio);
}

}  // namespace scissionlite::protocol::testing
