#include "base/npy.h"

#include <array>
#include <cstring>

namespace scissionlite {
namespace {

struct NpyType {
  Dtype dtype;
  const char* code;
};
constexpr std::array<NpyType, 12> kTypes{{{Dtype::kF32, "<f4"},
                                          {Dtype::kF64, "<f8"},
                                          {Dtype::kF16, "<f2"},
                                          {Dtype::kU8, "|u1"},
                                          {Dtype::kI8, "|i1"},
                                          {Dtype::kU16, "<u2"},
                                          {Dtype::kI16, "<i2"},
                                          {Dtype::kU32, "<u4"},
                                          {Dtype::kI32, "<i4"},
                                          {Dtype::kU64, "<u8"},
                                          {Dtype::kI64, "<i8"},
                                          {Dtype::kBool, "|b1"}}};
constexpr char kMagic[] = "\x93NUMPY\x01";

/// Text between the first `open` after `key` and the next `close`.
std::string_view field(std::string_view header, std::string_view key, char open, char close) {
  const auto at = header.find(key);
  if (at == std::string_view::npos) return {};
  const auto begin = header.find(open, at + key.size());
  if (begin == std::string_view::npos) return {};
  const auto end = header.find(close, begin + 1);
  return end == std::string_view::npos ? std::string_view{} : header.substr(begin + 1, end - begin - 1);
}

}  // namespace

std::string to_npy(const Tensor& tensor) {
  const char* code = nullptr;
  for (const auto& type : kTypes)
    if (type.dtype == tensor.dtype()) code = type.code;
  if (!code) throw Unsupported("[npy] dtype " + std::string(dtype_name(tensor.dtype())) + " has no numpy type");
  std::string shape;
  for (int64_t size : tensor.shape()) shape += std::to_string(size) + ", ";
  std::string header = std::string("{'descr': '") + code + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  constexpr size_t kPrefix = 10, kAlignment = 64;
  header.append((kAlignment - (kPrefix + header.size() + 1) % kAlignment) % kAlignment, ' ');
  header += '\n';
  std::string out(kMagic, 7);
  out += '\0';
  out += static_cast<char>(header.size() & 255);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  out.append(reinterpret_cast<const char*>(tensor.data()), tensor.size_bytes());
  return out;
}

Tensor from_npy(std::string_view bytes, const std::string& where) {
  const auto fail = [&](const std::string& why) { throw InvalidArgument("[npy] " + where + ": " + why); };
  if (bytes.size() < 10 || bytes.substr(0, 6) != std::string_view(kMagic, 6) || bytes[6] != 1) fail("not a version-1 .npy file");
  const size_t length = static_cast<uint8_t>(bytes[8]) + 256u * static_cast<uint8_t>(bytes[9]);
  if (bytes.size() < 10 + length) fail("truncated header");
  const auto header = bytes.substr(10, length);
  const auto code = field(header, "'descr':", '\'', '\'');
  Dtype dtype = Dtype::kUndefined;
  for (const auto& type : kTypes)
    if (code == type.code) dtype = type.dtype;
  if (dtype == Dtype::kUndefined) fail("unsupported element type '" + std::string(code) + "'");
  if (header.find("'fortran_order': False") == std::string_view::npos) fail("expected C order");
  Shape shape;
  int64_t number = -1;
  for (char c : std::string(field(header, "'shape':", '(', ')')) + ",") {
    if (c >= '0' && c <= '9') number = (number < 0 ? 0 : number) * 10 + (c - '0');
    else if (number >= 0) {
      shape.push_back(number);
      number = -1;
    }
    if (number > (int64_t{1} << 40)) fail("a size is too large");
  }
  const auto payload = bytes.substr(10 + length);
  if (static_cast<size_t>(element_count(shape)) * dtype_size(dtype) != payload.size())
    fail("shape " + to_string(shape) + " does not fit " + std::to_string(payload.size()) + " bytes");
  Tensor out(dtype, shape);
  std::memcpy(out.mutable_data(), payload.data(), payload.size());
  return out;
}

}  // namespace scissionlite
