#include "protocol/tls.h"

#include <arpa/inet.h>
#include <grpc/grpc_security_constants.h>
#include <netinet/in.h>

#include <algorithm>

#include "base/error.h"
#include "protocol/tls_internal.h"

namespace scissionlite::protocol {
namespace {

std::string pem(const fs::path& path, const char* what) {
  if (path.empty()) throw InvalidArgument(std::string("[tls] there is no ") + what + ": the authority's certificate, a certificate and its key go together");
  auto text = read_file(path);
  if (text.find("-----BEGIN ") == std::string::npos) throw InvalidArgument("[tls] '" + path.string() + "' is no " + what + " in PEM: it has no line -----BEGIN ...");
  return text;
}

struct Texts {
  explicit Texts(const TlsFiles& files) : authority(pem(files.authority, "authority's certificate")), certificate(pem(files.certificate, "certificate")), key(pem(files.key, "private key")) {}
  std::string authority, certificate, key;
};

}  // namespace

bool is_loopback(const std::string& address) {
  if (address.rfind("unix:", 0) == 0) return true;
  auto host = address;
  if (const auto end = address.find(']'); address.rfind('[', 0) == 0 && end != std::string::npos) host = address.substr(1, end - 1);
  else if (std::count(address.begin(), address.end(), ':') == 1) host = address.substr(0, address.find(':'));
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
  return host == "localhost" || host == "::1";
}

void check_plain_text(const TlsFiles& files, bool is_allowed, const std::string& address, const std::string& what) {
  if (!files.are_given() && !is_allowed && !is_loopback(address))
    throw InvalidArgument(what + ": give --tls-ca, --tls-cert and --tls-key, or --plain-text where the network is trusted");
}

std::shared_ptr<grpc::ChannelCredentials> client_credentials(const TlsFiles& files) {
  if (!files.are_given()) return grpc::InsecureChannelCredentials();
  const Texts texts(files);
  return grpc::SslCredentials({texts.authority, texts.key, texts.certificate});
}

std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsFiles& files) {
  if (!files.are_given()) return grpc::InsecureServerCredentials();
  const Texts texts(files);
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = texts.authority;
  options.pem_key_cert_pairs.push_back({texts.key, texts.certificate});
  return grpc::SslServerCredentials(options);
}

std::string name_of_peer(const grpc::ServerContext& context) {
  const auto names = context.auth_context()->FindPropertyValues(GRPC_X509_CN_PROPERTY_NAME);
  return names.empty() ? "" : std::string(names[0].data(), names[0].size());
}

}  // namespace scissionlite::protocol
