#include "server/grpc/service_internal.h"

#include "base/log.h"
#include "protocol/wire_internal.h"
#include "server/call/caller_internal.h"
#include "server/grpc/call_internal.h"
#include "server/inference/answers_internal.h"

namespace scissionlite::server {
namespace {

constexpr int kInfersAtOnce = 32;

/// On another thread.
template <typename HandledCall, typename Body>
void answer_later(WorkPool& pool, HandledCall& call, Body body) {
  const bool queued = pool.submit([&call, body = std::move(body)] {
    grpc::Status status;
    try {
      body();
    } catch (const std::exception& e) {  // Triton answers INTERNAL whatever went wrong while loading
      log::error(std::string("[server] ") + e.what());
      status = {grpc::StatusCode::INTERNAL, e.what()};
    }
    call.finish(status);
  });
  if (!queued) throw Refusal(Code::kUnavailable, "too many loads are waiting; retry later");
}

/// The hash of the model that a call is for; "" when it does not say.
std::string meant_sha256(const grpc::ServerContext& call) {
  const auto found = call.client_metadata().find(protocol::kModelHashKey);
  return found == call.client_metadata().end() ? "" : std::string(found->second.data(), found->second.size());
}

}  // namespace

void Service::add_to(CallLoops& loops) {
  loops.add([this](const CallLoops::Place& place) { wait_for_infer(*this, context_, place); }, kInfersAtOnce);
  loops.add([this](const CallLoops::Place& place) { wait_for_stream(*this, context_, place); });
  add_about_server(loops);
  add_about_models(loops);
  add_of_repository(loops);
}

void Service::add_about_server(CallLoops& loops) {
  using namespace inference;
  add_answered<ServerLiveRequest, ServerLiveResponse>(
      loops, [this](auto... call) { RequestServerLive(call...); }, [](auto& call) { call.response().set_live(true); });
  add_answered<ServerReadyRequest, ServerReadyResponse>(
      loops, [this](auto... call) { RequestServerReady(call...); }, [this](auto& call) { call.response().set_ready(context_.is_ready()); });
  add_answered<ServerMetadataRequest, ServerMetadataResponse>(
      loops, [this](auto... call) { RequestServerMetadata(call...); }, [](auto& call) { answer_server_metadata(call.response()); });
}

void Service::add_about_models(CallLoops& loops) {
  using namespace inference;
  add_answered<ModelReadyRequest, ModelReadyResponse>(
      loops, [this](auto... call) { RequestModelReady(call...); },
      [this](auto& call) {
        const auto& request = call.request();
        call.response().set_ready(model_is_ready(context_, identity_of(call.context(), context_.tls), request.name(), request.version()));
      });
  add_answered<ModelMetadataRequest, ModelMetadataResponse>(
      loops, [this](auto... call) { RequestModelMetadata(call...); },
      [this](auto& call) {
        const auto& request = call.request();
        answer_metadata(context_, identity_of(call.context(), context_.tls), request.name(), request.version(), call.response());
      });
  add_answered<ModelConfigRequest, ModelConfigResponse>(
      loops, [this](auto... call) { RequestModelConfig(call...); },
      [this](auto& call) {
        const auto meant = meant_sha256(call.context());
        check_versions(call.context(), /*is_device=*/!meant.empty());
        const auto& request = call.request();
        answer_config(context_, identity_of(call.context(), context_.tls), request.name(), request.version(), *call.response().mutable_config(),
                      meant);
      });
  add_answered<ModelStatisticsRequest, ModelStatisticsResponse>(
      loops, [this](auto... call) { RequestModelStatistics(call...); },
      [this](auto& call) {
        const auto& request = call.request();
        answer_statistics(context_, identity_of(call.context(), context_.tls), request.name(), request.version(), call.response());
      });
}

void Service::add_of_repository(CallLoops& loops) {
  using namespace inference;
  add_answered<RepositoryIndexRequest, RepositoryIndexResponse>(
      loops, [this](auto... call) { RequestRepositoryIndex(call...); },
      [this](auto& call) { answer_index(context_, identity_of(call.context(), context_.tls), call.request().ready(), call.response()); });
  add_handled<RepositoryModelLoadRequest, RepositoryModelLoadResponse>(
      loops, [this](auto... call) { RequestRepositoryModelLoad(call...); },
      [this](auto& call) {
        const auto identity = identity_of(call.context(), context_.tls);
        check_control(context_, identity, call.request().model_name());
        check_overrides(!call.request().parameters().empty());
        answer_later(context_.loader, call, [this, identity, name = call.request().model_name()] { answer_load(context_, identity, name); });
      });
  add_handled<RepositoryModelUnloadRequest, RepositoryModelUnloadResponse>(
      loops, [this](auto... call) { RequestRepositoryModelUnload(call...); },
      [this](auto& call) {
        check_control(context_, identity_of(call.context(), context_.tls), call.request().model_name());
        answer_later(context_.loader, call, [this, name = call.request().model_name()] { context_.repository.unload(name); });
      });
}

void HealthService::add_to(CallLoops& loops) {
  using Response = grpc::health::v1::HealthCheckResponse;
  add_answered<grpc::health::v1::HealthCheckRequest, Response>(
      loops, [this](auto... call) { RequestCheck(call...); },
      [this](auto& call) { call.response().set_status(context_.is_ready() ? Response::SERVING : Response::NOT_SERVING); });
}

}  // namespace scissionlite::server
