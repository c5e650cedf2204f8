// The messages of a probe: all of them are part of the protocol, so a stock server answers them as ours does.
#include "base/error.h"
#include "base/rng.h"
#include "profile/probe.h"
#include "protocol/client.h"

namespace scissionlite {
namespace {

constexpr const char* kNoModel = "scissionlite_probe_of_a_model_that_does_not_exist";

Tensor zeros(const protocol::TensorSpec& spec) {
  Shape shape = spec.shape;
  for (auto& size : shape) size = size < 0 ? 1 : size;
  const Dtype dtype = dtype_from_oip_name(spec.datatype);
  if (dtype == Dtype::kString || dtype == Dtype::kUndefined)
    throw Unsupported("[probe] input '" + spec.name + "' has datatype " + spec.datatype + "; give a --model that takes numbers");
  Tensor tensor(dtype, shape);
  const auto bytes = tensor.mutable_data();
  std::fill(bytes, bytes + tensor.size_bytes(), std::byte{0});
  return tensor;
}

class GrpcTarget final : public ProbeTarget {
 public:
  GrpcTarget(const std::string& address, const protocol::Security& security) : client_(address, {.security = security}) { client_.connect(); }
  void ping() override { (void)client_.server_live(); }
  void prepare(int64_t bytes) override { (void)request_of(bytes); }
  void send(int64_t bytes) override {
    try {
      (void)client_.infer(request_of(bytes));
    } catch (const InvalidArgument&) {  // NOT_FOUND: the whole message arrived before the server could say so
      return;
    } catch (const TransportError& e) {
      if (e.retryable()) throw;
    }
  }
  [[nodiscard]] Reply ask(const std::string& model) override {
    if (metadata_.name.empty()) metadata_ = client_.model_metadata(model);
    protocol::InferRequest request;
    request.model = model;
    for (const auto& input : metadata_.inputs) request.inputs.push_back({.name = input.name, .tensor = zeros(input), .blob = {}, .parameters = {}});
    const auto result = client_.infer(request);
    return {.request_bytes = result.request_bytes,
            .response_bytes = result.response_bytes,
            .compute_us = protocol::number_or(result.parameters, "queue_us", 0) + protocol::number_or(result.parameters, "decode_us", 0) +
                          protocol::number_or(result.parameters, "compute_us", 0)};
  }

 private:
  /// Random bytes: links and proxies that compress must not look faster than they are.
  const protocol::InferRequest& request_of(int64_t bytes) {
    if (payload_.model.empty() || static_cast<int64_t>(payload_.inputs[0].tensor.size_bytes()) != bytes) {
      Tensor tensor(Dtype::kU8, {bytes});
      Rng rng(static_cast<uint64_t>(bytes));
      for (auto& byte : tensor.mutable_as<uint8_t>()) byte = static_cast<uint8_t>(rng.next());
      payload_ = {.model = kNoModel, .version = "", .id = "", .parameters = {}, .inputs = {}, .outputs = {}};
      payload_.inputs.push_back({.name = "payload", .tensor = tensor, .blob = {}, .parameters = {}});
    }
    return payload_;
  }

  protocol::Client client_;
  protocol::InferRequest payload_;
  protocol::ModelMetadata metadata_;
};

}  // namespace

std::unique_ptr<ProbeTarget> make_probe_target(const std::string& address, const protocol::Security& security) {
  return std::make_unique<GrpcTarget>(address, security);
}

}  // namespace scissionlite
