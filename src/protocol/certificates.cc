#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "protocol/certificates_internal.h"

namespace scissionlite::protocol {
namespace {

constexpr int kSecurityLevel = 2;  // as Debian's OpenSSL asks for: RSA of 2048 bits, no SHA-1

using Names = std::unique_ptr<GENERAL_NAMES, decltype([](GENERAL_NAMES* one) { GENERAL_NAMES_free(one); })>;
using Chain = std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * one) { sk_X509_pop_free(one, X509_free); })>;
using Infos = std::unique_ptr<STACK_OF(X509_INFO), decltype([](STACK_OF(X509_INFO) * one) { sk_X509_INFO_pop_free(one, X509_INFO_free); })>;
using Check = std::unique_ptr<X509_STORE_CTX, decltype([](X509_STORE_CTX* one) { X509_STORE_CTX_free(one); })>;

BioPointer reader(const std::string& text) { return BioPointer(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

int64_t seconds_of(const ASN1_TIME* time) {
  tm parts{};
  return time != nullptr && ASN1_TIME_to_tm(time, &parts) == 1 ? static_cast<int64_t>(timegm(&parts)) : 0;
}

std::string text_of(const ASN1_STRING* string) {
  if (string == nullptr) return "";
  unsigned char* utf8 = nullptr;
  const int length = ASN1_STRING_to_UTF8(&utf8, string);
  if (length < 0) return "";
  std::string out(reinterpret_cast<const char*>(utf8), static_cast<size_t>(length));
  OPENSSL_free(utf8);
  return out.find('\0') == std::string::npos ? out : "";
}

/// DNS names and addresses that a certificate is of.
std::vector<std::string> alternative_names(X509& certificate) {
  std::vector<std::string> out;
  const Names names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) out.push_back(text_of(name->d.dNSName));
    if (name->type != GEN_IPADD) continue;
    const auto* bytes = ASN1_STRING_get0_data(name->d.iPAddress);
    std::vector<std::string> parts;
    for (int b = 0; b < ASN1_STRING_length(name->d.iPAddress); ++b) parts.push_back(std::to_string(bytes[b]));
    out.push_back(parts.size() == 4 ? join(parts, ".") : "an IPv6 address");
  }
  return out;
}

bool is_of_host(X509& certificate, const std::string& host) {
  return X509_check_ip_asc(&certificate, host.c_str(), 0) == 1 || X509_check_host(&certificate, host.data(), host.size(), 0, nullptr) == 1;
}

std::string words_for(int error, X509* at, X509* leaf, const std::string& authority_path, int64_t now_s) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
      if (at == nullptr) return X509_verify_cert_error_string(error);
      return (at == leaf ? "" : "is signed by an authority whose own ('" + name_of(*at) + "') ") + objection_to_time(*at, now_s);
    case X509_V_ERR_CERT_REVOKED:
      return at == nullptr || at == leaf ? "is revoked" : "is signed by an authority ('" + name_of(*at) + "') that is revoked";
    case X509_V_ERR_CRL_HAS_EXPIRED: return "cannot be checked: the list of revoked certificates is out of date; write a new one";
    case X509_V_ERR_CRL_NOT_YET_VALID:
      return "cannot be checked: the list of revoked certificates is of a later time; is this machine's clock (" + utc(now_s) + ") right?";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
      return "cannot be checked: there is no list of revoked certificates of " +
             (at == nullptr || at == leaf ? "its authority" : "the authority above '" + name_of(*at) + "'");
    case X509_V_ERR_INVALID_PURPOSE: return "is not for this use: its extendedKeyUsage leaves out this side of a connection";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: return "is unknown: the authority in '" + authority_path + "' has not signed it";
    default: return std::string("is not accepted: ") + X509_verify_cert_error_string(error);
  }
}

/// Of the authority that is trusted no list can say anything: nobody is above it.
int overlook_list_of_trusted(int is_good, X509_STORE_CTX* check) {
  const bool is_trusted = X509_STORE_CTX_get_error_depth(check) == sk_X509_num(X509_STORE_CTX_get0_chain(check)) - 1;
  if (is_good == 1 || !is_trusted || X509_STORE_CTX_get_error(check) != X509_V_ERR_UNABLE_TO_GET_CRL) return is_good;
  X509_STORE_CTX_set_error(check, X509_V_OK);
  return 1;
}

}  // namespace

std::string utc(int64_t time_s) {
  const auto time = static_cast<time_t>(time_s);
  tm parts{};
  gmtime_r(&time, &parts);
  char text[64];
  const size_t length = strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text, length};
}

X509Pointer first_certificate(const std::string& pem) {
  const auto bio = reader(pem);
  X509Pointer out(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return out;
}

std::vector<X509Pointer> certificates_in(const std::string& pem) {
  std::vector<X509Pointer> out;
  const auto bio = reader(pem);
  while (X509Pointer one{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) out.push_back(std::move(one));
  ERR_clear_error();
  return out;
}

KeyPointer private_key(const std::string& pem) {
  const auto bio = reader(pem);
  // A callback that gives no passphrase: the default one would ask on the terminal.
  KeyPointer key(PEM_read_bio_PrivateKey(
      bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
  ERR_clear_error();
  return key;
}

std::string name_of(X509& certificate) {
  auto* subject = X509_get_subject_name(&certificate);
  const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (index >= 0)
    if (const auto name = text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index))); !name.empty()) return name;
  const auto names = alternative_names(certificate);
  return names.empty() ? "" : names.front();
}

std::string objection_to_time(X509& certificate, int64_t now_s) {
  const int64_t from_s = seconds_of(X509_get0_notBefore(&certificate)), to_s = seconds_of(X509_get0_notAfter(&certificate));
  if (now_s < from_s) return "is not valid before " + utc(from_s) + "; is this machine's clock (" + utc(now_s) + ") right?";
  if (now_s > to_s) return "expired on " + utc(to_s);
  return "";
}

void check_key(const std::string& key_pem, X509& certificate, const std::string& key_path, const std::string& certificate_path) {
  const auto key = private_key(key_pem);
  const bool fits = key != nullptr && X509_check_private_key(&certificate, key.get()) == 1;
  ERR_clear_error();
  if (key == nullptr)
    throw InvalidArgument(
        "[tls] '" + key_path +
        "' holds no private key that can be read (damaged, or with a passphrase); give one in PEM without a passphrase, readable by this user alone");
  if (!fits) throw InvalidArgument("[tls] the key '" + key_path + "' is not that of the certificate '" + certificate_path + "'");
}

Authority::Authority(const std::string& pem, const std::string& path, const std::string& revoked_pem, const std::string& revoked_path, int64_t now_s)
    : path_(path), has_lists_(!revoked_pem.empty()), store_(X509_STORE_new()) {
  const auto add = [&](const std::string& text, bool wants_lists) {
    const auto bio = reader(text);
    const Infos infos(PEM_X509_INFO_read_bio(bio.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    int found = 0;
    for (int i = 0; infos && i < sk_X509_INFO_num(infos.get()); ++i) {
      const auto* info = sk_X509_INFO_value(infos.get(), i);
      if (!wants_lists && info->x509 != nullptr) found += X509_STORE_add_cert(store_.get(), info->x509);
      if (!wants_lists || info->crl == nullptr) continue;
      found += X509_STORE_add_crl(store_.get(), info->crl);
      if (const auto* next = X509_CRL_get0_nextUpdate(info->crl); next != nullptr && seconds_of(next) < now_s)
        throw InvalidArgument("[tls] the list of revoked certificates '" + revoked_path + "' is out of date since " + utc(seconds_of(next)) +
                              "; write a new one");
    }
    return found;
  };
  if (add(pem, /*wants_lists=*/false) == 0)
    throw InvalidArgument("[tls] '" + path + "' holds no certificate that can be read; expected the authority's, in PEM");
  if (has_lists_ && add(revoked_pem, /*wants_lists=*/true) == 0)
    throw InvalidArgument("[tls] '" + revoked_path +
                          "' holds no list of revoked certificates; expected one in PEM, as `openssl ca -gencrl` writes it");
}

std::string Authority::objection(const std::string& chain_pem, Side side, const std::string& host, int64_t now_s) const {
  const Chain chain(sk_X509_new_null());
  for (auto& one : certificates_in(chain_pem)) sk_X509_push(chain.get(), one.release());
  if (sk_X509_num(chain.get()) == 0) return "is missing: the other end shows none";
  X509* leaf = sk_X509_value(chain.get(), 0);
  const Check check(X509_STORE_CTX_new());
  if (!check || X509_STORE_CTX_init(check.get(), store_.get(), leaf, chain.get()) != 1) return "could not be checked: out of memory";
  auto* rules = X509_STORE_CTX_get0_param(check.get());
  X509_VERIFY_PARAM_set_time(rules, static_cast<time_t>(now_s));
  X509_VERIFY_PARAM_set_purpose(rules, side == Side::kClient ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_auth_level(rules, kSecurityLevel);
  constexpr unsigned long kAsGrpc = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST;
  X509_VERIFY_PARAM_set_flags(rules, kAsGrpc | (has_lists_ ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0));
  X509_STORE_CTX_set_verify_cb(check.get(), overlook_list_of_trusted);
  if (X509_verify_cert(check.get()) != 1) {
    auto words = words_for(X509_STORE_CTX_get_error(check.get()), X509_STORE_CTX_get_current_cert(check.get()), leaf, path_, now_s);
    ERR_clear_error();
    return words;
  }
  if (host.empty() || is_of_host(*leaf, host)) return "";
  const auto names = alternative_names(*leaf);
  return "is not of the host '" + host + "' but of " + (names.empty() ? "'" + name_of(*leaf) + "'" : join(names)) +
         "; dial it by such a name, or give it a certificate with subjectAltName of '" + host + "'";
}

}  // namespace scissionlite::protocol
