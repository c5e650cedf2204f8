#include "server/service_internal.h"

#include "base/version.h"
#include "server/caller_internal.h"
#include "server/names.h"

namespace scissionlite::server {
namespace {

/// Runs `body` and answers at once; what it throws becomes the status.
template <typename Body>
grpc::ServerUnaryReactor* answer(grpc::CallbackServerContext* call, Body&& body) {
  auto* reactor = call->DefaultReactor();
  grpc::Status status;
  try {
    body();
  } catch (...) {
    const auto refusal = current_refusal();
    status = {static_cast<grpc::StatusCode>(refusal.code()), refusal.what()};
  }
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
    const auto refusal = current_refusal();
    auto* reactor = call->DefaultReactor();
    reactor->Finish({static_cast<grpc::StatusCode>(refusal.code()), refusal.what()});
    return reactor;
  }
}

/// @throws Refusal: the caller may not know of this model.
void check_access(const ServiceContext& context, const grpc::CallbackServerContext& call, const std::string& model) { context.access.check(identity_of(call, context.tls), model); }

void require_control(const ServiceContext& context, const grpc::CallbackServerContext& call, const std::string& model) {
  context.access.check_control(identity_of(call, context.tls), model);
  if (!context.allow_load)
    throw Refusal(Code::kUnavailable, "explicit model load / unload is not allowed if polling is enabled; start the server with --model-control-mode explicit");
}

}  // namespace

grpc::ServerUnaryReactor* Service::ServerLive(grpc::CallbackServerContext* call, const inference::ServerLiveRequest*, inference::ServerLiveResponse* out) {
  return answer(call, [&] { out->set_live(true); });
}

grpc::ServerUnaryReactor* Service::ServerReady(grpc::CallbackServerContext* call, const inference::ServerReadyRequest*, inference::ServerReadyResponse* out) {
  return answer(call, [&] { out->set_ready(context_.is_ready()); });
}

grpc::ServerUnaryReactor* Service::ModelReady(grpc::CallbackServerContext* call, const inference::ModelReadyRequest* request, inference::ModelReadyResponse* out) {
  return answer(call, [&] {
    check_access(context_, *call, request->name());
    try {
      out->set_ready(!context_.is_draining && context_.repository.find(request->name(), request->version())->is_ready());
    } catch (const Refusal& refusal) {
      if (refusal.code() == Code::kInvalidArgument) throw;
      out->set_ready(false);
    }
  });
}

grpc::ServerUnaryReactor* Service::ServerMetadata(grpc::CallbackServerContext* call, const inference::ServerMetadataRequest*, inference::ServerMetadataResponse* out) {
  return answer(call, [&] {
    out->set_name("scissionlite");
    out->set_version(kVersion);
    for (const char* extension : {"classification", "model_repository", "model_configuration", "binary_tensor_data", "parameters", "statistics"}) out->add_extensions(extension);
  });
}

grpc::ServerUnaryReactor* Service::ModelMetadata(grpc::CallbackServerContext* call, const inference::ModelMetadataRequest* request, inference::ModelMetadataResponse* out) {
  return answer(call, [&] {
    check_access(context_, *call, request->name());
    const auto model = context_.repository.find(request->name(), request->version());
    describe_metadata(context_.repository.loaded(request->name()), *model, *out);
  });
}

grpc::ServerUnaryReactor* Service::ModelInfer(grpc::CallbackServerContext* call, const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  return start_infer(context_, call, request, response);
}

grpc::ServerBidiReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse>* Service::ModelStreamInfer(grpc::CallbackServerContext* call) {
  return start_stream(context_, call);
}

grpc::ServerUnaryReactor* Service::ModelConfig(grpc::CallbackServerContext* call, const inference::ModelConfigRequest* request, inference::ModelConfigResponse* out) {
  return answer(call, [&] {
    check_access(context_, *call, request->name());
    *out->mutable_config() = context_.repository.find(request->name(), request->version())->config();
  });
}

grpc::ServerUnaryReactor* Service::ModelStatistics(grpc::CallbackServerContext* call, const inference::ModelStatisticsRequest* request, inference::ModelStatisticsResponse* out) {
  return answer(call, [&] {
    const auto identity = identity_of(*call, context_.tls);
    if (!request->name().empty()) context_.access.check(identity, request->name());
    if (!request->name().empty() && (!request->version().empty() || context_.repository.loaded(request->name()).empty())) {
      try {
        describe_statistics(*context_.repository.find(request->name(), request->version()), *out->add_model_stats());
      } catch (const Refusal&) {
        out->clear_model_stats();
        throw Refusal(Code::kInvalidArgument, "requested model version is not available for model '" + printable(request->name()) + "'");
      }
      return;
    }
    for (const auto& model : context_.repository.loaded(request->name()))
      if (context_.access.may_use(identity, model->interface().name)) describe_statistics(*model, *out->add_model_stats());
  });
}

grpc::ServerUnaryReactor* Service::RepositoryIndex(grpc::CallbackServerContext* call, const inference::RepositoryIndexRequest* request, inference::RepositoryIndexResponse* out) {
  return answer(call, [&] {
    const auto identity = identity_of(*call, context_.tls);
    for (const auto& entry : context_.repository.index()) {
      if (!context_.access.may_use(identity, entry.name)) continue;
      if (request->ready() && entry.state != "READY") continue;
      auto* model = out->add_models();
      model->set_name(entry.name);
      model->set_version(entry.version);
      model->set_state(entry.state);
      model->set_reason(entry.reason);
    }
  });
}

grpc::ServerUnaryReactor* Service::RepositoryModelLoad(grpc::CallbackServerContext* call, const inference::RepositoryModelLoadRequest* request, inference::RepositoryModelLoadResponse* out) {
  const auto check = [&] {
    require_control(context_, *call, request->model_name());
    if (!request->parameters().empty()) throw Refusal(Code::kInvalidArgument, "loading with parameters (config or file overrides) is not supported; change the folder and load again");
  };
  if (auto* refused = refuse(call, check)) return refused;
  return answer_later(context_.loader, call, [this, name = request->model_name()] { context_.repository.load(name); });
}

grpc::ServerUnaryReactor* Service::RepositoryModelUnload(grpc::CallbackServerContext* call, const inference::RepositoryModelUnloadRequest* request, inference::RepositoryModelUnloadResponse* out) {
  if (auto* refused = refuse(call, [&] { require_control(context_, *call, request->model_name()); })) return refused;
  return answer_later(context_.loader, call, [this, name = request->model_name()] { context_.repository.unload(name); });
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* call, const grpc::health::v1::HealthCheckRequest*, grpc::health::v1::HealthCheckResponse* out) {
  return answer(call, [&] {
    using Response = grpc::health::v1::HealthCheckResponse;
    out->set_status(context_.is_ready() ? Response::SERVING : Response::NOT_SERVING);
  });
}

}  // namespace scissionlite::server
