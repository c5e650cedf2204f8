#include "base/version.h"
#include "protocol/versions.h"
#include "server/call/names.h"
#include "server/inference/answers_internal.h"

namespace scissionlite::server {

void answer_server_metadata(inference::ServerMetadataResponse& out) {
  out.set_name(std::string(protocol::kServerName));
  out.set_version(kVersion);
  for (const char* extension : {"classification", "model_repository", "model_configuration", "binary_tensor_data", "parameters", "statistics"})
    out.add_extensions(extension);
  out.add_extensions(std::string(protocol::kVersionsExtension) + to_text(protocol::kVersions));
}

bool model_is_ready(const ServiceContext& context, const std::string& identity, const std::string& name, const std::string& version) {
  context.access.check(identity, name);
  try {
    return !context.is_draining && context.repository.find(name, version)->is_ready();
  } catch (const Refusal& refusal) {
    if (refusal.code() == Code::kInvalidArgument) throw;
    return false;
  }
}

void answer_metadata(const ServiceContext& context, const std::string& identity, const std::string& name, const std::string& version,
                     inference::ModelMetadataResponse& out) {
  context.access.check(identity, name);
  const auto model = context.repository.find(name, version);
  describe_metadata(context.repository.loaded(name), *model, out);
}

void answer_config(const ServiceContext& context, const std::string& identity, const std::string& name, const std::string& version,
                   inference::ModelConfig& out, const std::string& sha256) {
  context.access.check(identity, name);
  out = context.repository.find(name, version, sha256)->config();
}

void answer_statistics(const ServiceContext& context, const std::string& identity, const std::string& name, const std::string& version,
                       inference::ModelStatisticsResponse& out) {
  if (!name.empty()) context.access.check(identity, name);
  if (!name.empty() && (!version.empty() || context.repository.loaded(name).empty())) {
    try {
      describe_statistics(*context.repository.find(name, version), *out.add_model_stats());
    } catch (const Refusal&) {
      out.clear_model_stats();
      throw Refusal(Code::kInvalidArgument, "requested model version is not available for model '" + printable(name) + "'");
    }
    return;
  }
  for (const auto& model : context.repository.loaded(name))
    if (context.access.may_use(identity, model->interface().name)) describe_statistics(*model, *out.add_model_stats());
}

void answer_index(const ServiceContext& context, const std::string& identity, bool only_ready, inference::RepositoryIndexResponse& out) {
  for (const auto& entry : context.repository.index()) {
    if (!context.access.may_use(identity, entry.name)) continue;
    if (only_ready && entry.state != "READY") continue;
    auto* model = out.add_models();
    model->set_name(entry.name);
    model->set_version(entry.version);
    model->set_state(entry.state);
    model->set_reason(entry.reason);
  }
}

void check_control(const ServiceContext& context, const std::string& identity, const std::string& name) {
  context.access.check_control(identity, name);
  if (!context.allow_load)
    throw Refusal(Code::kUnavailable,
                  "explicit model load / unload is not allowed if polling is enabled; start the server with --model-control-mode explicit");
}

void answer_load(const ServiceContext& context, const std::string& identity, const std::string& name) {
  context.repository.load(name, [&](const std::string& other) { return context.access.may_use(identity, other); });
}

void check_overrides(bool has_overrides) {
  if (has_overrides)
    throw Refusal(Code::kInvalidArgument, "loading with parameters (config or file overrides) is not supported; change the folder and load again");
}

}  // namespace scissionlite::server
