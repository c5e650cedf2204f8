// The data of the live page: what LiveTable keeps, and the models as they are now.
#pragma once

#include "base/json.h"
#include "server/inference/service_context.h"

namespace scissionlite::server {

/// Members of LiveTable::json, and "version", "up_s", "is_ready", "models", "traces" (spans exported and dropped; null when nothing is traced).
/// @param identity  who asks. @throws Refusal as Access::check_watch does.
[[nodiscard]] Json live_json(const ServiceContext& context, const std::string& identity);

}  // namespace scissionlite::server
