#include <algorithm>
#include <exception>

#include "offload/edge.h"

namespace scissionlite::offload {
namespace {

class GrpcEdge final : public Edge {
 public:
  GrpcEdge(const std::string& address, double connect_timeout_us, const protocol::Security& security)
      : client_(address, {.connect_timeout_us = connect_timeout_us, .default_deadline_us = connect_timeout_us, .security = security}) {}
  [[nodiscard]] std::string address() const override { return client_.address(); }
  void connect() override { client_.connect(); }
  [[nodiscard]] std::map<std::string, std::string> claims(const std::string& model, const std::string& sha256) override {
    auto claims = client_.model_config_parameters(model, sha256);
    if (claims.empty()) claims = client_.model_metadata(model).properties;
    return claims;
  }
  [[nodiscard]] protocol::ServerMetadata server() override { return client_.server_metadata(); }
  void ping(size_t padding_bytes, double deadline_us) override { client_.ping(padding_bytes, deadline_us); }
  [[nodiscard]] protocol::InferResult infer(const protocol::InferRequest& request, double deadline_us) override {
    return client_.infer(request, deadline_us);
  }
  void infer_async(const protocol::InferRequest& request, double deadline_us, protocol::Answered done) override {
    client_.infer_async(request, deadline_us, std::move(done));
  }
  [[nodiscard]] uint64_t connection_number() override { return client_.connection_number(); }

 private:
  protocol::Client client_;
};

}  // namespace

void Edge::infer_async(const protocol::InferRequest& request, double deadline_us, protocol::Answered done) {
  std::exception_ptr failure;
  protocol::InferResult result;
  try {
    result = infer(request, deadline_us);
  } catch (...) { failure = std::current_exception(); }
  done([failure, result = std::move(result)] {  // may be called later
    if (failure) std::rethrow_exception(failure);
    return result;
  });
}

std::unique_ptr<Edge> make_grpc_edge(const std::string& address, double connect_timeout_us, const protocol::Security& security) {
  return std::make_unique<GrpcEdge>(address, connect_timeout_us, security);
}

}  // namespace scissionlite::offload
