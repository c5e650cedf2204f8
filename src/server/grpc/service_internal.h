// The gRPC service of inference, and of health.
#pragma once

#include "health.grpc.pb.h"
#include "inference.grpc.pb.h"
#include "server/grpc/call_loops.h"
#include "server/inference/service_context.h"

namespace scissionlite::server {

/// Calls with tensors take raw bytes: what is compressed is inflated with a limit, damaged messages get INTERNAL as Triton answers, and outputs of
/// ModelInfer go out without being copied into a message first.
template <typename Base>
using RawCalls = inference::GRPCInferenceService::WithRawMethod_ModelInfer<inference::GRPCInferenceService::WithRawMethod_ModelStreamInfer<Base>>;
template <typename Base>
using AboutServer = inference::GRPCInferenceService::WithAsyncMethod_ServerLive<
    inference::GRPCInferenceService::WithAsyncMethod_ServerReady<inference::GRPCInferenceService::WithAsyncMethod_ServerMetadata<Base>>>;
template <typename Base>
using AboutModels = inference::GRPCInferenceService::WithAsyncMethod_ModelReady<inference::GRPCInferenceService::WithAsyncMethod_ModelMetadata<
    inference::GRPCInferenceService::WithAsyncMethod_ModelConfig<inference::GRPCInferenceService::WithAsyncMethod_ModelStatistics<Base>>>>;
template <typename Base>
using OfRepository =
    inference::GRPCInferenceService::WithAsyncMethod_RepositoryIndex<inference::GRPCInferenceService::WithAsyncMethod_RepositoryModelLoad<
        inference::GRPCInferenceService::WithAsyncMethod_RepositoryModelUnload<Base>>>;
using ServiceBase = RawCalls<AboutServer<AboutModels<OfRepository<inference::GRPCInferenceService::Service>>>>;

class Service final : public ServiceBase {
 public:
  explicit Service(ServiceContext context) : context_(context) {}
  /// Says how each method's calls are waited for, and what is done with them.
  void add_to(CallLoops& loops);

 private:
  void add_about_server(CallLoops& loops);
  void add_about_models(CallLoops& loops);
  void add_of_repository(CallLoops& loops);
  ServiceContext context_;
};

/// grpc.health.v1: SERVING while ready, for every service name, as Triton answers.
class HealthService final : public grpc::health::v1::Health::AsyncService {
 public:
  explicit HealthService(ServiceContext context) : context_(context) {}
  void add_to(CallLoops& loops);

 private:
  ServiceContext context_;
};

/// One call of ModelInfer that is waited for at `place` (infer_call.cc).
void wait_for_infer(Service& service, const ServiceContext& context, const CallLoops::Place& place);
/// One of ModelStreamInfer (stream_call.cc).
void wait_for_stream(Service& service, const ServiceContext& context, const CallLoops::Place& place);

}  // namespace scissionlite::server
