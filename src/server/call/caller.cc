#include "protocol/tls_internal.h"
#include "protocol/versions.h"
#include "server/call/caller_internal.h"
#include "server/call/refusal.h"

namespace scissionlite::server {

std::string address_of_peer(const std::string& peer) {
  const auto scheme = peer.substr(0, peer.find(':'));
  if (scheme != "ipv4" && scheme != "ipv6") return scheme;
  auto address = peer.substr(std::min(scheme.size() + 1, peer.size()));
  const auto replace = [&](const std::string& from, const std::string& to) {
    if (const auto at = address.find(from); at != std::string::npos) address.replace(at, from.size(), to);
  };
  replace("%5B", "[");
  replace("%5D", "]");
  replace("%25", "%");  // before a scope
  return protocol::host_of(address);
}

std::string identity_of(const std::string& chain_pem, protocol::TlsEnd& tls) {
  auto peer = tls.recognise(chain_pem);
  if (!peer.objection.empty()) throw Refusal(Code::kUnauthenticated, "the certificate of this connection " + peer.objection);
  if (peer.name.empty()) throw Refusal(Code::kUnauthenticated, "the certificate of this connection has no common name");
  return peer.name;
}

std::string identity_of(const grpc::ServerContextBase& call, protocol::TlsEnd* tls) {
  return tls == nullptr ? address_of_peer(call.peer()) : identity_of(protocol::chain_of_peer(call), *tls);
}

void check_versions(const grpc::ServerContextBase& call, bool is_device) {
  const auto told = call.client_metadata().find(protocol::kVersionsKey);
  const bool is_told = told != call.client_metadata().end();
  if (!is_told && !is_device) return;
  const auto theirs = is_told ? protocol::versions_from({told->second.data(), told->second.size()}) : protocol::kUntoldVersions;
  if (const auto why = protocol::disagreement(protocol::kVersions, theirs); !why.empty()) throw Refusal(Code::kFailedPrecondition, why);
}

}  // namespace scissionlite::server
