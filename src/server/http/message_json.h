// Messages of the protocol as JSON: names as in the .proto files, every field of a message there, integers as numbers
// (protobuf's own form writes those of 64 bits as text, which no client of the protocol expects).
#pragma once

#include "base/json.h"

namespace google::protobuf {
class Message;
}

namespace scissionlite::server::http {

/// Sub-messages that are not set and choices that were not made are left out.
[[nodiscard]] Json to_json(const google::protobuf::Message& message);

}  // namespace scissionlite::server::http
