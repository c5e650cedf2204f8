#include "protocol/wire_internal.h"

#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/text.h"

namespace scissionlite::protocol {
namespace {

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

grpc::Slice slice_of(const Tensor& tensor) {
  auto* keeper = new Tensor(tensor);  // shares the buffer; freed by gRPC when the last reference goes
  return {keeper->mutable_data(), keeper->size_bytes(), [](void* user) { delete static_cast<Tensor*>(user); }, keeper};
}

template <typename T, typename Values>
Tensor converted(Shape shape, const Values& values, Dtype dtype) {
  Tensor out(dtype, std::move(shape));
  auto* to = reinterpret_cast<T*>(out.mutable_data());
  for (int i = 0; i < values.size(); ++i) {
    const auto value = values.Get(i);
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
      if (!std::in_range<T>(value))
        throw InvalidArgument("element " + std::to_string(i) + " of the contents is " + std::to_string(value) + ", which " +
                              std::string(dtype_oip_name(dtype)) + " cannot hold");
    to[i] = static_cast<T>(value);
  }
  return out;
}

}  // namespace

grpc::ByteBuffer assemble(const google::protobuf::MessageLite& head, int raw_field, std::span<const RawPart> parts) {
  std::vector<grpc::Slice> slices;
  std::string glue = head.SerializeAsString();  // everything between two tensors
  for (const auto& part : parts) {
    const uint64_t size = part.blob ? part.blob->size() + 4 : part.tensor.size_bytes();
    if (part.blob && part.blob->size() > std::numeric_limits<uint32_t>::max())
      throw InvalidArgument("[protocol] a BYTES element has " + std::to_string(part.blob->size()) + " bytes, at most 4294967295 are possible");
    append_varint(glue, static_cast<uint64_t>(raw_field) << 3 | 2);
    append_varint(glue, size);
    if (part.blob) {
      const auto length = static_cast<uint32_t>(part.blob->size());
      glue.append(reinterpret_cast<const char*>(&length), sizeof length);
      glue.append(*part.blob);
    } else if (size > 0) {
      slices.emplace_back(glue);
      glue.clear();
      slices.push_back(slice_of(part.tensor));
    }
  }
  if (!glue.empty() || slices.empty()) slices.emplace_back(glue);
  return {slices.data(), slices.size()};
}

std::optional<int64_t> checked_count(std::span<const int64_t> sizes) {
  constexpr int64_t kLimit = int64_t{1} << 62;
  int64_t count = 1;
  bool has_zero = false;
  for (const int64_t size : sizes) {
    if (size < 0) return std::nullopt;
    has_zero |= size == 0;
  }
  if (has_zero) return 0;
  for (const int64_t size : sizes) {
    if (count > kLimit / size) return std::nullopt;
    count *= size;
  }
  return count;
}

Tensor view_raw(Dtype dtype, Shape shape, std::shared_ptr<const void> owner, std::string_view raw) {
  const auto is_flag = [](char byte) { return byte == 0 || byte == 1; };
  if (dtype == Dtype::kBool && !std::all_of(raw.begin(), raw.end(), is_flag)) {
    Tensor out(dtype, std::move(shape));
    std::transform(raw.begin(), raw.end(), reinterpret_cast<char*>(out.mutable_data()), [](char byte) { return byte != 0 ? 1 : 0; });
    return out;
  }
  // Strings start at an address that malloc gives, so at least 8 bytes aligned; a shared string inside another message
  // could be anything, hence the check.
  if (reinterpret_cast<uintptr_t>(raw.data()) % std::max<size_t>(dtype_size(dtype), 1) != 0) {
    Tensor out(dtype, std::move(shape));
    std::memcpy(out.mutable_data(), raw.data(), raw.size());
    return out;
  }
  return {dtype, std::move(shape), std::move(owner), raw.data()};
}

std::optional<int64_t> contents_count(Dtype dtype, const inference::InferTensorContents& c) {
  switch (dtype) {
    case Dtype::kBool: return c.bool_contents_size();
    case Dtype::kI8:
    case Dtype::kI16:
    case Dtype::kI32: return c.int_contents_size();
    case Dtype::kI64: return c.int64_contents_size();
    case Dtype::kU8:
    case Dtype::kU16:
    case Dtype::kU32: return c.uint_contents_size();
    case Dtype::kU64: return c.uint64_contents_size();
    case Dtype::kF32: return c.fp32_contents_size();
    case Dtype::kF64: return c.fp64_contents_size();
    case Dtype::kString: return c.bytes_contents_size();
    default: return std::nullopt;
  }
}

Tensor from_contents(Dtype dtype, Shape shape, const inference::InferTensorContents& c) {
  switch (dtype) {
    case Dtype::kBool: return converted<bool>(std::move(shape), c.bool_contents(), dtype);
    case Dtype::kI8: return converted<int8_t>(std::move(shape), c.int_contents(), dtype);
    case Dtype::kI16: return converted<int16_t>(std::move(shape), c.int_contents(), dtype);
    case Dtype::kI32: return converted<int32_t>(std::move(shape), c.int_contents(), dtype);
    case Dtype::kI64: return converted<int64_t>(std::move(shape), c.int64_contents(), dtype);
    case Dtype::kU8: return converted<uint8_t>(std::move(shape), c.uint_contents(), dtype);
    case Dtype::kU16: return converted<uint16_t>(std::move(shape), c.uint_contents(), dtype);
    case Dtype::kU32: return converted<uint32_t>(std::move(shape), c.uint_contents(), dtype);
    case Dtype::kU64: return converted<uint64_t>(std::move(shape), c.uint64_contents(), dtype);
    case Dtype::kF32: return converted<float>(std::move(shape), c.fp32_contents(), dtype);
    case Dtype::kF64: return converted<double>(std::move(shape), c.fp64_contents(), dtype);
    default: throw InvalidArgument("datatype " + std::string(dtype_oip_name(dtype)) + " has no typed contents; send it as raw contents");
  }
}

std::vector<std::string_view> split_strings(std::string_view raw, std::string& error) {
  std::vector<std::string_view> elements;
  while (!raw.empty()) {
    uint32_t length = 0;
    if (raw.size() < sizeof length) {
      error = "expecting 4 bytes of string length but only " + std::to_string(raw.size()) + " bytes available";
      return elements;
    }
    std::memcpy(&length, raw.data(), sizeof length);
    raw.remove_prefix(sizeof length);
    if (length > raw.size()) {
      error = "expecting string of length " + std::to_string(length) + " but only " + std::to_string(raw.size()) + " bytes available";
      return elements;
    }
    elements.push_back(raw.substr(0, length));
    raw.remove_prefix(length);
  }
  return elements;
}

inference::InferParameter to_message(const Parameter& parameter) {
  inference::InferParameter out;
  if (const auto* flag = std::get_if<bool>(&parameter)) out.set_bool_param(*flag);
  else if (const auto* integer = std::get_if<int64_t>(&parameter)) out.set_int64_param(*integer);
  else if (const auto* number = std::get_if<double>(&parameter)) out.set_double_param(*number);
  else out.set_string_param(std::get<std::string>(parameter));
  return out;
}

Parameters from_message(const google::protobuf::Map<std::string, inference::InferParameter>& parameters) {
  Parameters out;
  for (const auto& [key, value] : parameters) {
    switch (value.parameter_choice_case()) {
      case inference::InferParameter::kBoolParam: out[key] = value.bool_param(); break;
      case inference::InferParameter::kInt64Param: out[key] = value.int64_param(); break;
      case inference::InferParameter::kStringParam: out[key] = value.string_param(); break;
      case inference::InferParameter::kDoubleParam: out[key] = value.double_param(); break;
      case inference::InferParameter::kUint64Param:
        if (std::in_range<int64_t>(value.uint64_param())) out[key] = static_cast<int64_t>(value.uint64_param());
        else out[key] = static_cast<double>(value.uint64_param());
        break;
      case inference::InferParameter::PARAMETER_CHOICE_NOT_SET: break;
    }
  }
  return out;
}

}  // namespace scissionlite::protocol
