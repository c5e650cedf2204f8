#include "server/grpc/service_internal.h"

#include "base/log.h"
#include "protocol/wire_internal.h"
#include "server/call/caller_internal.h"
#include "server/call/refusal_internal.h"
#include "server/inference/answers_internal.h"

namespace scissionlite::server {
namespace {

/// Runs `body` and answers at once; what it throws becomes the status.
template <typename Body>
grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* call, Body&& body) {
  auto* reactor = call->DefaultReactor();
  grpc::Status status;
  try {
    body();
  } catch (...) { status = status_in_flight(); }
  reactor->Finish(status);
  return reactor;
}

/// The same on another thread.
template <typename Body>
grpc::ServerUnaryReactor* answer_later(WorkPool& pool, grpc::CallbackServerContext* call, Body body) {
  auto* reactor = call->DefaultReactor();
  const bool queued = pool.submit([reactor, body = std::move(body)] {
    grpc::Status status;
    try {
      body();
    } catch (const std::exception& e) {  // Triton answers INTERNAL whatever went wrong while loading
      log::error(std::string("[server] ") + e.what());
      status = {grpc::StatusCode::INTERNAL, e.what()};
    }
    reactor->Finish(status);
  });
  if (!queued) reactor->Finish({grpc::StatusCode::UNAVAILABLE, "too many loads are waiting; retry later"});
  return reactor;
}

/// The answer when `check` throws; nullptr when it does not.
template <typename Check>
grpc::ServerUnaryReactor* refuse(grpc::CallbackServerContext* call, Check&& check) {
  try {
    check();
    return nullptr;
  } catch (...) {
    auto* reactor = call->DefaultReactor();
    reactor->Finish(status_in_flight());
    return reactor;
  }
}

/// The hash of the model that a call is for; "" when it does not say.
std::string meant_sha256(const grpc::CallbackServerContext& call) {
  const auto found = call.client_metadata().find(protocol::kModelHashKey);
  return found == call.client_metadata().end() ? "" : std::string(found->second.data(), found->second.size());
}

}  // namespace

grpc::ServerUnaryReactor* Service::ServerLive(grpc::CallbackServerContext* call, const inference::ServerLiveRequest*,
                                              inference::ServerLiveResponse* out) {
  return answer(call, [&] { out->set_live(true); });
}

grpc::ServerUnaryReactor* Service::ServerReady(grpc::CallbackServerContext* call, const inference::ServerReadyRequest*,
                                               inference::ServerReadyResponse* out) {
  return answer(call, [&] { out->set_ready(context_.is_ready()); });
}

grpc::ServerUnaryReactor* Service::ModelReady(grpc::CallbackServerContext* call, const inference::ModelReadyRequest* request,
                                              inference::ModelReadyResponse* out) {
  return answer(call, [&] { out->set_ready(model_is_ready(context_, identity_of(*call, context_.tls), request->name(), request->version())); });
}

grpc::ServerUnaryReactor* Service::ServerMetadata(grpc::CallbackServerContext* call, const inference::ServerMetadataRequest*,
                                                  inference::ServerMetadataResponse* out) {
  return answer(call, [&] { answer_server_metadata(*out); });
}

grpc::ServerUnaryReactor* Service::ModelMetadata(grpc::CallbackServerContext* call, const inference::ModelMetadataRequest* request,
                                                 inference::ModelMetadataResponse* out) {
  return answer(call, [&] { answer_metadata(context_, identity_of(*call, context_.tls), request->name(), request->version(), *out); });
}

grpc::ServerUnaryReactor* Service::ModelInfer(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  return start_infer(context_, call, request, response);
}

StreamReactor* Service::ModelStreamInfer(grpc::CallbackServerContext* call) { return start_stream(context_, call); }

grpc::ServerUnaryReactor* Service::ModelConfig(grpc::CallbackServerContext* call, const inference::ModelConfigRequest* request,
                                               inference::ModelConfigResponse* out) {
  return answer(call, [&] {
    check_versions(*call, /*is_device=*/!meant_sha256(*call).empty());
    answer_config(context_, identity_of(*call, context_.tls), request->name(), request->version(), *out->mutable_config(), meant_sha256(*call));
  });
}

grpc::ServerUnaryReactor* Service::ModelStatistics(grpc::CallbackServerContext* call, const inference::ModelStatisticsRequest* request,
                                                   inference::ModelStatisticsResponse* out) {
  return answer(call, [&] { answer_statistics(context_, identity_of(*call, context_.tls), request->name(), request->version(), *out); });
}

grpc::ServerUnaryReactor* Service::RepositoryIndex(grpc::CallbackServerContext* call, const inference::RepositoryIndexRequest* request,
                                                   inference::RepositoryIndexResponse* out) {
  return answer(call, [&] { answer_index(context_, identity_of(*call, context_.tls), request->ready(), *out); });
}

grpc::ServerUnaryReactor* Service::RepositoryModelLoad(grpc::CallbackServerContext* call, const inference::RepositoryModelLoadRequest* request,
                                                       inference::RepositoryModelLoadResponse* out) {
  std::string identity;
  const auto check = [&] {
    identity = identity_of(*call, context_.tls);
    check_control(context_, identity, request->model_name());
    check_overrides(!request->parameters().empty());
  };
  if (auto* refused = refuse(call, check)) return refused;
  return answer_later(context_.loader, call, [this, identity, name = request->model_name()] { answer_load(context_, identity, name); });
}

grpc::ServerUnaryReactor* Service::RepositoryModelUnload(grpc::CallbackServerContext* call, const inference::RepositoryModelUnloadRequest* request,
                                                         inference::RepositoryModelUnloadResponse* out) {
  if (auto* refused = refuse(call, [&] { check_control(context_, identity_of(*call, context_.tls), request->model_name()); })) return refused;
  return answer_later(context_.loader, call, [this, name = request->model_name()] { context_.repository.unload(name); });
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* call, const grpc::health::v1::HealthCheckRequest*,
                                               grpc::health::v1::HealthCheckResponse* out) {
  return answer(call, [&] {
    using Response = grpc::health::v1::HealthCheckResponse;
    out->set_status(context_.is_ready() ? Response::SERVING : Response::NOT_SERVING);
  });
}

}  // namespace scissionlite::server
