#include "protocol/tls.h"

#include <arpa/inet.h>
#include <grpc/grpc_security_constants.h>
#include <netinet/in.h>

#include <algorithm>

#include "base/error.h"
#include "protocol/tls_internal.h"

namespace scissionlite::protocol {

std::string host_of(const std::string& address) {
  if (const auto end = address.find(']'); address.rfind('[', 0) == 0 && end != std::string::npos) return address.substr(1, end - 1);
  return std::count(address.begin(), address.end(), ':') == 1 ? address.substr(0, address.find(':')) : address;
}

bool is_loopback(const std::string& address) {
  if (address.rfind("unix:", 0) == 0) return true;
  const auto host = host_of(address);
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
  return host == "localhost" || host == "::1";
}

void check_plain_text(const TlsFiles& files, bool is_allowed, const std::string& address, const std::string& what) {
  if (!files.are_given() && !is_allowed && !is_loopback(address))
    throw InvalidArgument(what + ": give --tls-ca, --tls-cert and --tls-key, or --plain-text where the network is trusted");
}

std::shared_ptr<grpc::ChannelCredentials> client_credentials(const TlsFiles& files, const std::string& address) {
  return client_credentials(make_tls_end(files, Side::kClient), address);
}

std::shared_ptr<grpc::ServerCredentials> server_credentials(const TlsFiles& files) { return server_credentials(make_tls_end(files, Side::kServer)); }

std::string name_of_peer(const grpc::ServerContextBase& context) {
  const auto certificates = context.auth_context()->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (certificates.empty()) return "";
  const auto certificate = first_certificate(std::string(certificates[0].data(), certificates[0].size()));
  return certificate == nullptr ? "" : name_of(*certificate);
}

std::string chain_of_peer(const grpc::ServerContextBase& context) {
  std::string text;
  for (const char* property :
       {GRPC_X509_PEM_CERT_PROPERTY_NAME, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME})  // a chain that a server got is without the first
    for (const auto& found : context.auth_context()->FindPropertyValues(property)) text.append(found.data(), found.size());
  return text;
}

}  // namespace scissionlite::protocol
