// Tensors to and from gRPC's byte buffers. gRPC and protobuf types: for .cc files only.
//
// Copies of a tensor's bytes, counted: sending makes none (gRPC gets slices that refer to the tensor's own buffer, and the
// kernel copies them into the socket); receiving makes one (protobuf joins the pieces that came off the socket into one
// string), and the tensor is a view of that string. A generated stub would copy twice more when sending: into the
// message, and again into the byte buffer.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "inference.pb.h"
#include "protocol/client.h"

namespace scissionlite::protocol {

inline constexpr int kRawInputField = 7, kRawOutputField = 6;  // of raw_input_contents, raw_output_contents

/// Metadata of ModelConfig calls: the hash of the model that is meant, where the server may hold several of one name and version. Stock servers
/// ignore it.
inline constexpr const char* kModelHashKey = "scissionlite-model-sha256";

/// One element of raw contents: a tensor, or one BYTES element.
struct RawPart {
  Tensor tensor;
  std::optional<std::string_view> blob;  // copied once: the caller's string need not outlive the call
};

/// The wire form of `head` (a message without raw contents) followed by its raw contents. The slices keep the tensors'
/// buffers alive until gRPC has sent them. @throws InvalidArgument when a BYTES element has 4 GiB or more.
[[nodiscard]] grpc::ByteBuffer assemble(const google::protobuf::MessageLite& head, int raw_field, std::span<const RawPart> parts);

/// Product of sizes; nothing when one is negative or the product exceeds 2^62.
[[nodiscard]] std::optional<int64_t> checked_count(std::span<const int64_t> sizes);

/// A view of `raw`, which `owner` keeps alive. `raw` must have exactly the bytes of dtype and shape (checked before).
/// BOOL bytes other than 0 and 1 become 1, in a copy.
[[nodiscard]] Tensor view_raw(Dtype dtype, Shape shape, std::shared_ptr<const void> owner, std::string_view raw);

/// Elements in the field of `contents` that belongs to the dtype; nothing when that type has none (FP16, BF16).
[[nodiscard]] std::optional<int64_t> contents_count(Dtype dtype, const inference::InferTensorContents& contents);
/// The typed contents as a tensor; 8- and 16-bit values must fit. The count is that of the shape (checked before).
/// @throws InvalidArgument naming the element that does not fit.
[[nodiscard]] Tensor from_contents(Dtype dtype, Shape shape, const inference::InferTensorContents& contents);

/// Splits raw BYTES contents into elements. On damage `error` says "expecting string of length 3 but only 1 bytes
/// available" or the like, and what was read so far is returned.
[[nodiscard]] std::vector<std::string_view> split_strings(std::string_view raw, std::string& error);

[[nodiscard]] inference::InferParameter to_message(const Parameter& parameter);
[[nodiscard]] Parameters from_message(const google::protobuf::Map<std::string, inference::InferParameter>& parameters);

/// A server's answer; tensors are views of it. @throws TransportError naming `address`: data that does not fit its shapes and datatypes;
/// InvalidArgument as `from_contents` does.
[[nodiscard]] InferResult result_of(const std::shared_ptr<inference::ModelInferResponse>& response, const std::string& address);

}  // namespace scissionlite::protocol
