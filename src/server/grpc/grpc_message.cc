#include "server/grpc/grpc_message_internal.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/slice.h>

#include <string_view>
#include <vector>

#include "server/call/refusal.h"

namespace scissionlite::server {
namespace {

std::string_view view_of(const grpc::Slice& slice) { return {reinterpret_cast<const char*>(slice.begin()), slice.size()}; }

/// The first two bytes may lie in slices of their own.
std::string begin_of(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) return {};
  std::string out;
  for (const auto& slice : slices) {
    out += view_of(slice).substr(0, 2 - out.size());
    if (out.size() == 2) break;
  }
  return out;
}

std::string inflated(const grpc::ByteBuffer& bytes, Coding coding, int64_t limit_bytes) {
  grpc::Slice whole;
  if (!bytes.DumpToSingleSlice(&whole).ok()) throw Refusal(Code::kInternal, "the message cannot be read");
  try {
    return inflate(view_of(whole), coding, static_cast<size_t>(limit_bytes));
  } catch (const InflateError& e) { throw Refusal(Code::kInvalidArgument, std::string("the message: ") + e.what()); }
}

}  // namespace

/// A handler is not told. No message begins as gzip does (its first byte would be a field of a wire type that does not exist), and no
/// ModelInferRequest as zlib's form does (field 15).
std::optional<Coding> coding_of(const grpc::ByteBuffer& bytes) {
  const auto begin = begin_of(bytes);
  if (begin.size() < 2) return std::nullopt;
  const auto first = static_cast<unsigned char>(begin[0]), second = static_cast<unsigned char>(begin[1]);
  if (first == 0x1f && second == 0x8b) return Coding::kGzip;
  if (first == 0x78 && (first * 256 + second) % 31 == 0) return Coding::kDeflate;
  return std::nullopt;
}

GrpcMessage read_message(grpc::ByteBuffer& bytes, std::optional<Coding> coding, int64_t limit_bytes) {
  GrpcMessage out{.request = std::make_shared<inference::ModelInferRequest>(), .bytes = static_cast<int64_t>(bytes.Length())};
  bool is_message = false;
  if (coding) {
    const auto plain = inflated(bytes, *coding, limit_bytes);
    bytes.Clear();
    out.bytes = static_cast<int64_t>(plain.size());
    is_message = out.request->ParseFromString(plain);
  } else {
    is_message = grpc::SerializationTraits<inference::ModelInferRequest>::Deserialize(&bytes, out.request.get()).ok();
  }
  if (!is_message) throw Refusal(Code::kInternal, "the message is no ModelInferRequest");
  return out;
}

}  // namespace scissionlite::server
