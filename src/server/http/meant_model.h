// Which of several models of one name a request in JSON is meant for: it may say so behind data that only that model takes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/models/repository.h"

namespace scissionlite::server::http {

/// Where the request has the parameter model_sha256 the version with that hash, else `usual`, which the path names. @param version  of the path.
/// @param json  of the request; "" where it has none. @throws InvalidArgument for damaged JSON; Refusal where no version has that hash.
[[nodiscard]] std::shared_ptr<Model> meant_model(Repository& repository, const std::shared_ptr<Model>& usual, const std::string& version,
                                                 std::string_view json);

}  // namespace scissionlite::server::http
