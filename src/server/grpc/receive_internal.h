// What a unary call and a request of a stream have in common: from the bytes of a ModelInferRequest to what an Inference is made of.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <optional>

#include "server/grpc/service_internal.h"
#include "server/inference/infer_internal.h"

namespace scissionlite::server {

/// The call's deadline on the steady clock; nothing when it has none.
[[nodiscard]] std::optional<int64_t> deadline_of(const grpc::ServerContext& call);
/// @throws Refusal, counted.
[[nodiscard]] Admission admit_call(const ServiceContext& context, const grpc::ServerContext& call);

struct Received {
  std::shared_ptr<inference::ModelInferRequest> message;
  CallNotes notes;
};
/// What `bytes` hold, which are freed; its memory is counted in `admission`. @throws Refusal, counted.
[[nodiscard]] Received receive(const ServiceContext& context, const grpc::ServerContext& call, grpc::ByteBuffer& bytes, Admission& admission);

[[nodiscard]] int64_t retry_after_ms(double retry_after_us);

}  // namespace scissionlite::server
