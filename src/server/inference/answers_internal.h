// What every front end answers beside inference, as messages of the protocol; each throws Refusal. `identity` is the caller as Access knows it:
// what it may not use is refused with kPermissionDenied, whether it exists or not, and is not listed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "inference.pb.h"
#include "server/inference/service_context.h"

namespace scissionlite::server {

void answer_server_metadata(inference::ServerMetadataResponse& out);
/// False for a model that is unknown, hangs, or of a server that drains. @throws Refusal for text that is no version.
[[nodiscard]] bool model_is_ready(const ServiceContext& context, const std::string& identity, const std::string& name, const std::string& version);
void answer_metadata(const ServiceContext& context, const std::string& identity, const std::string& name, const std::string& version,
                     inference::ModelMetadataResponse& out);
/// @param sha256  of the model that is meant, see Repository::find.
void answer_config(const ServiceContext& context, const std::string& identity, const std::string& name, const std::string& version,
                   inference::ModelConfig& out, const std::string& sha256 = "");
/// @param name  "" = every model.
void answer_statistics(const ServiceContext& context, const std::string& identity, const std::string& name, const std::string& version,
                       inference::ModelStatisticsResponse& out);
void answer_index(const ServiceContext& context, const std::string& identity, bool only_ready, inference::RepositoryIndexResponse& out);
/// Before a load or unload.
void check_control(const ServiceContext& context, const std::string& identity, const std::string& name);
/// What check_control and check_overrides have let pass.
void answer_load(const ServiceContext& context, const std::string& identity, const std::string& name);
/// Before a load. @param has_overrides  whether it brings a config or files.
void check_overrides(bool has_overrides);

/// describe.cc: loaded models as messages.
void describe_metadata(const std::vector<std::shared_ptr<Model>>& versions, const Model& model, inference::ModelMetadataResponse& out);
void describe_statistics(Model& model, inference::ModelStatistics& out);

}  // namespace scissionlite::server
