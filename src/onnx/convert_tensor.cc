#include "onnx/convert_tensor.h"

#include <cstring>

#include "base/error.h"
#include "onnx/external_file.h"

namespace scissionlite {
namespace {

/// Values that ONNX keeps in a wider field ("int32_data" holds int8, uint8, bool, float16 bits, ...).
template <typename To, typename Field>
void copy_narrowed(const Field& field, Tensor& out) {
  auto* values = reinterpret_cast<To*>(out.mutable_data());
  for (int i = 0; i < field.size(); ++i) values[i] = static_cast<To>(field.Get(i));
}

/// Number of values in the typed fields for this dtype; fills `out` when it fits.
int64_t copy_typed(const pb::TensorProto& proto, Tensor& out) {
  const auto take = [&](const auto& field, auto type) -> int64_t {
    if (field.size() == out.size()) copy_narrowed<decltype(type)>(field, out);
    return field.size();
  };
  switch (out.dtype()) {
    case Dtype::kF32: return take(proto.float_data(), float{});
    case Dtype::kF64: return take(proto.double_data(), double{});
    case Dtype::kI64: return take(proto.int64_data(), int64_t{});
    case Dtype::kU64: return take(proto.uint64_data(), uint64_t{});
    case Dtype::kU32: return take(proto.uint64_data(), uint32_t{});
    case Dtype::kI32: return take(proto.int32_data(), int32_t{});
    case Dtype::kI16: return take(proto.int32_data(), int16_t{});
    case Dtype::kI8: return take(proto.int32_data(), int8_t{});
    case Dtype::kU16:
    case Dtype::kF16:
    case Dtype::kBF16: return take(proto.int32_data(), uint16_t{});
    case Dtype::kU8:
    case Dtype::kBool: return take(proto.int32_data(), uint8_t{});
    default: return -1;
  }
}

/// The memory of a long string as it is; a copy of a short one, which may lie unaligned inside the message.
Tensor take_raw_data(pb::TensorProto& proto, Dtype dtype, const Shape& shape) {
  constexpr size_t kLong = 4096;
  if (proto.raw_data().size() < kLong) {
    Tensor out(dtype, shape);
    std::memcpy(out.mutable_data(), proto.raw_data().data(), proto.raw_data().size());
    return out;
  }
  const std::shared_ptr<const std::string> bytes(proto.release_raw_data());
  return {dtype, shape, bytes, bytes->data()};
}

int64_t parse_range_number(const std::string& text, const std::string& key) {
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
    throw ModelError("[onnx import] external data: '" + key + "' is '" + text + "', expected a number of bytes");
  return std::stoll(text);
}

}  // namespace

std::string said_of(const std::string& where, const std::string& tensor) { return "[onnx import] " + where + ": tensor '" + tensor + "'"; }

ExternalRange external_range(const pb::TensorProto& proto) {
  ExternalRange range;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") range.location = entry.value();
    if (entry.key() == "offset") range.offset = parse_range_number(entry.value(), "offset");
    if (entry.key() == "length") range.length = parse_range_number(entry.value(), "length");
  }
  return range;
}

void TensorReader::fail(const pb::TensorProto& proto, const std::string& message) const {
  throw ModelError(said_of(where_, proto.name()) + " " + message);
}

const std::string& TensorReader::external_bytes(const pb::TensorProto& proto, const std::string& location) {
  auto& bytes = files_[location];
  if (!bytes) bytes = std::make_shared<const std::string>(ExternalFile(folder_, location, said_of(where_, proto.name())).read());
  return *bytes;
}

Tensor TensorReader::read_external(const pb::TensorProto& proto, Dtype dtype, const Shape& shape) {
  const auto range = external_range(proto);
  const std::string& bytes = external_bytes(proto, range.location);
  const int64_t needed = element_count(shape) * static_cast<int64_t>(dtype_size(dtype));
  if (range.length >= 0 && range.length != needed)
    fail(proto,
         "of shape " + to_string(shape) + " needs " + std::to_string(needed) + " bytes, its external length is " + std::to_string(range.length));
  const auto available = static_cast<int64_t>(bytes.size());
  if (range.offset > available || needed > available - range.offset)
    fail(proto, "needs bytes " + std::to_string(range.offset) + " to " + std::to_string(range.offset + needed) + " of '" + range.location +
                    "', which has " + std::to_string(available) + "; the file is truncated or belongs to another model");
  Tensor out(dtype, shape);
  std::memcpy(out.mutable_data(), bytes.data() + range.offset, static_cast<size_t>(needed));
  return out;
}

/// Packed as raw data, in a file beside the model, or a byte in each int32.
Tensor TensorReader::read_narrow(const pb::TensorProto& proto, const NarrowType& type, const Shape& shape) {
  const int64_t needed = type.packed_bytes(element_count(shape));
  if (proto.data_location() == pb::TensorProto::EXTERNAL)
    return unpack_narrow(type, shape, reinterpret_cast<const uint8_t*>(read_external(proto, Dtype::kU8, {needed}).data()));
  const auto given = proto.has_raw_data() ? static_cast<int64_t>(proto.raw_data().size()) : static_cast<int64_t>(proto.int32_data_size());
  if (given != needed)
    fail(proto, "of shape " + to_string(shape) + " and " + std::to_string(type.bits) + " bits needs " + std::to_string(needed) + " bytes, got " +
                    std::to_string(given));
  if (proto.has_raw_data()) return unpack_narrow(type, shape, reinterpret_cast<const uint8_t*>(proto.raw_data().data()));
  const std::vector<uint8_t> bytes(proto.int32_data().begin(), proto.int32_data().end());
  return unpack_narrow(type, shape, bytes.data());
}

Tensor TensorReader::read(pb::TensorProto& proto) {
  const auto dtype = static_cast<Dtype>(proto.data_type());
  const auto narrow = narrow_type(proto.data_type());
  if (dtype_size(dtype) == 0 && !narrow)
    throw Unsupported("[onnx import] " + where_ + ": tensor '" + proto.name() + "' has element type " + std::to_string(proto.data_type()) +
                      ", which is not supported; expected a numeric type of 8 bits or more, or integers of 4 or 2");
  const Shape shape(proto.dims().begin(), proto.dims().end());
  if (!is_static(shape)) fail(proto, "has shape " + to_string(shape) + " with a negative size");
  constexpr int kHighestRank = 32;
  if (static_cast<int>(shape.size()) > kHighestRank) fail(proto, "has rank " + std::to_string(shape.size()) + "; at most 32 is supported");
  if (narrow) return read_narrow(proto, *narrow, shape);
  if (proto.data_location() == pb::TensorProto::EXTERNAL) return read_external(proto, dtype, shape);
  const int64_t count = element_count(shape);
  const int64_t needed = count * static_cast<int64_t>(dtype_size(dtype));
  // Check what is there before taking memory: a few bytes of a damaged file can claim terabytes.
  const int64_t held = proto.has_raw_data() ? static_cast<int64_t>(proto.raw_data().size())
                                            : static_cast<int64_t>(proto.ByteSizeLong()) * static_cast<int64_t>(dtype_size(dtype));
  if (needed > held)
    fail(proto, "of shape " + to_string(shape) + " needs " + std::to_string(needed) + " bytes, the file holds fewer; it is truncated");
  if (proto.has_raw_data()) {
    if (held != needed) fail(proto, "of shape " + to_string(shape) + " needs " + std::to_string(needed) + " bytes, got " + std::to_string(held));
    return take_raw_data(proto, dtype, shape);
  }
  Tensor out(dtype, shape);
  const int64_t given = copy_typed(proto, out);
  if (given != count) fail(proto, "of shape " + to_string(shape) + " needs " + std::to_string(count) + " values, got " + std::to_string(given));
  return out;
}

void write_tensor(const std::string& name, const Tensor& tensor, pb::TensorProto& proto) {
  proto.set_name(name);
  proto.set_data_type(static_cast<int>(tensor.dtype()));
  for (int64_t size : tensor.shape()) proto.add_dims(size);
  proto.set_raw_data(tensor.data(), tensor.size_bytes());
}

}  // namespace scissionlite
