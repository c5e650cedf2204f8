// A ModelInferRequest from the bytes that gRPC received, compressed or not.
//
// gRPC would inflate by itself, whatever the result's size: its limit is of what was sent, or is asked too late. So it is told not to
// (kInflatesByItself), and calls that bring tensors are inflated here. The other calls bring names; what is compressed of them is no message and gets
// INTERNAL.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "inference.pb.h"
#include "server/call/inflate.h"

namespace scissionlite::server {

/// The channel argument of gRPC that is to be 0.
inline constexpr const char* kInflatesByItself = "grpc.per_message_decompression";

/// How they are compressed; nothing where they are not.
[[nodiscard]] std::optional<Coding> coding_of(const grpc::ByteBuffer& bytes);

struct GrpcMessage {
  std::shared_ptr<inference::ModelInferRequest> request;
  int64_t bytes = 0;  // inflated
};

/// Frees `bytes`. @param coding  of coding_of. @throws Refusal: kInvalidArgument where it becomes larger than `limit_bytes` or is damaged, kInternal
/// where it is no message.
[[nodiscard]] GrpcMessage read_message(grpc::ByteBuffer& bytes, std::optional<Coding> coding, int64_t limit_bytes);

}  // namespace scissionlite::server
