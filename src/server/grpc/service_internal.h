// The gRPC handlers. Callback API: a waiting request holds no thread, and a call that is cancelled or past its deadline
// is known at once.
#pragma once

#include "health.grpc.pb.h"
#include "inference.grpc.pb.h"
#include "server/inference/service_context.h"

namespace scissionlite::server {

/// Calls with tensors take raw bytes: what is compressed is inflated with a limit, damaged messages get INTERNAL as Triton answers, and outputs of
/// ModelInfer go out without being copied into a message first.
template <typename Base>
using RawCalls =
    inference::GRPCInferenceService::WithRawCallbackMethod_ModelInfer<inference::GRPCInferenceService::WithRawCallbackMethod_ModelStreamInfer<Base>>;
template <typename Base>
using AboutServer = inference::GRPCInferenceService::WithCallbackMethod_ServerLive<
    inference::GRPCInferenceService::WithCallbackMethod_ServerReady<inference::GRPCInferenceService::WithCallbackMethod_ServerMetadata<Base>>>;
template <typename Base>
using AboutModels = inference::GRPCInferenceService::WithCallbackMethod_ModelReady<inference::GRPCInferenceService::WithCallbackMethod_ModelMetadata<
    inference::GRPCInferenceService::WithCallbackMethod_ModelConfig<inference::GRPCInferenceService::WithCallbackMethod_ModelStatistics<Base>>>>;
template <typename Base>
using OfRepository =
    inference::GRPCInferenceService::WithCallbackMethod_RepositoryIndex<inference::GRPCInferenceService::WithCallbackMethod_RepositoryModelLoad<
        inference::GRPCInferenceService::WithCallbackMethod_RepositoryModelUnload<Base>>>;
using ServiceBase = RawCalls<AboutServer<AboutModels<OfRepository<inference::GRPCInferenceService::Service>>>>;
using StreamReactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

class Service final : public ServiceBase {
 public:
  explicit Service(ServiceContext context) : context_(context) {}
  grpc::ServerUnaryReactor* ServerLive(grpc::CallbackServerContext*, const inference::ServerLiveRequest*, inference::ServerLiveResponse*) override;
  grpc::ServerUnaryReactor* ServerReady(grpc::CallbackServerContext*, const inference::ServerReadyRequest*, inference::ServerReadyResponse*) override;
  grpc::ServerUnaryReactor* ModelReady(grpc::CallbackServerContext*, const inference::ModelReadyRequest*, inference::ModelReadyResponse*) override;
  grpc::ServerUnaryReactor* ServerMetadata(grpc::CallbackServerContext*, const inference::ServerMetadataRequest*,
                                           inference::ServerMetadataResponse*) override;
  grpc::ServerUnaryReactor* ModelMetadata(grpc::CallbackServerContext*, const inference::ModelMetadataRequest*,
                                          inference::ModelMetadataResponse*) override;
  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext*, const grpc::ByteBuffer*, grpc::ByteBuffer*) override;
  StreamReactor* ModelStreamInfer(grpc::CallbackServerContext*) override;
  grpc::ServerUnaryReactor* ModelConfig(grpc::CallbackServerContext*, const inference::ModelConfigRequest*, inference::ModelConfigResponse*) override;
  grpc::ServerUnaryReactor* ModelStatistics(grpc::CallbackServerContext*, const inference::ModelStatisticsRequest*,
                                            inference::ModelStatisticsResponse*) override;
  grpc::ServerUnaryReactor* RepositoryIndex(grpc::CallbackServerContext*, const inference::RepositoryIndexRequest*,
                                            inference::RepositoryIndexResponse*) override;
  grpc::ServerUnaryReactor* RepositoryModelLoad(grpc::CallbackServerContext*, const inference::RepositoryModelLoadRequest*,
                                                inference::RepositoryModelLoadResponse*) override;
  grpc::ServerUnaryReactor* RepositoryModelUnload(grpc::CallbackServerContext*, const inference::RepositoryModelUnloadRequest*,
                                                  inference::RepositoryModelUnloadResponse*) override;

 private:
  ServiceContext context_;
};

/// grpc.health.v1: SERVING while ready, for every service name, as Triton answers.
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  explicit HealthService(ServiceContext context) : context_(context) {}
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext*, const grpc::health::v1::HealthCheckRequest*,
                                  grpc::health::v1::HealthCheckResponse*) override;

 private:
  ServiceContext context_;
};

/// infer_call.cc.
[[nodiscard]] grpc::ServerUnaryReactor* start_infer(const ServiceContext& context, grpc::CallbackServerContext* call, const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response);
/// stream_call.cc.
[[nodiscard]] StreamReactor* start_stream(const ServiceContext& context, grpc::CallbackServerContext* call);

}  // namespace scissionlite::server
