#include "base/tensor.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace scissionlite {
namespace {

struct DtypeRow {
  Dtype dtype;
  size_t size;
  std::string_view name, oip_name;
};

constexpr std::array<DtypeRow, 14> kDtypes{{
    {Dtype::kF32, 4, "float32", "FP32"},
    {Dtype::kU8, 1, "uint8", "UINT8"},
    {Dtype::kI8, 1, "int8", "INT8"},
    {Dtype::kU16, 2, "uint16", "UINT16"},
    {Dtype::kI16, 2, "int16", "INT16"},
    {Dtype::kI32, 4, "int32", "INT32"},
    {Dtype::kI64, 8, "int64", "INT64"},
    {Dtype::kString, 0, "string", "BYTES"},
    {Dtype::kBool, 1, "bool", "BOOL"},
    {Dtype::kF16, 2, "float16", "FP16"},
    {Dtype::kF64, 8, "float64", "FP64"},
    {Dtype::kU32, 4, "uint32", "UINT32"},
    {Dtype::kU64, 8, "uint64", "UINT64"},
    {Dtype::kBF16, 2, "bfloat16", "BF16"},
}};

const DtypeRow* row_of(Dtype dtype) {
  for (const auto& row : kDtypes)
    if (row.dtype == dtype) return &row;
  return nullptr;
}

constexpr size_t kAlignmentBytes = 64;  // one cache line, one AVX-512 register

template <typename Visit>
void visit_as_double(const Tensor& t, Visit&& visit) {
  const auto each = [&](auto values) {
    for (size_t i = 0; i < values.size(); ++i) visit(i, static_cast<double>(values[i]));
  };
  switch (t.dtype()) {
    case Dtype::kF32: return each(t.as<float>());
    case Dtype::kF64: return each(t.as<double>());
    case Dtype::kU8: return each(t.as<uint8_t>());
    case Dtype::kI8: return each(t.as<int8_t>());
    case Dtype::kU16: return each(t.as<uint16_t>());
    case Dtype::kI16: return each(t.as<int16_t>());
    case Dtype::kU32: return each(t.as<uint32_t>());
    case Dtype::kI32: return each(t.as<int32_t>());
    case Dtype::kU64: return each(t.as<uint64_t>());
    case Dtype::kI64: return each(t.as<int64_t>());
    case Dtype::kBool: return each(t.as<bool>());
    case Dtype::kF16:
    case Dtype::kBF16: {
      const auto* p = reinterpret_cast<const uint16_t*>(t.data());
      const bool half = t.dtype() == Dtype::kF16;
      for (int64_t i = 0; i < t.size(); ++i) visit(static_cast<size_t>(i), half ? f16_to_f32(p[i]) : bf16_to_f32(p[i]));
      return;
    }
    default: throw Unsupported("[tensor] no numeric value in dtype " + std::string(dtype_name(t.dtype())));
  }
}

}  // namespace

size_t dtype_size(Dtype dtype) {
  const auto* row = row_of(dtype);
  return row ? row->size : 0;
}
std::string_view dtype_name(Dtype dtype) {
  const auto* row = row_of(dtype);
  return row ? row->name : "undefined";
}
std::string_view dtype_oip_name(Dtype dtype) {
  const auto* row = row_of(dtype);
  return row ? row->oip_name : "INVALID";
}
Dtype dtype_from_oip_name(std::string_view name) {
  for (const auto& row : kDtypes)
    if (row.oip_name == name) return row.dtype;
  return Dtype::kUndefined;
}
Dtype dtype_from_name(std::string_view name) {
  for (const auto& row : kDtypes)
    if (row.name == name) return row.dtype;
  return Dtype::kUndefined;
}

std::string to_string(const Shape& shape) {
  std::string out = "(";
  constexpr size_t kMostShown = 12;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i) out += ", ";
    if (i == kMostShown) return out + "... rank " + std::to_string(shape.size()) + ")";
    out += shape[i] < 0 ? "?" : std::to_string(shape[i]);
  }
  return out + ")";
}

int64_t element_count(const Shape& shape) {
  constexpr int64_t kMost = int64_t{1} << 56;  // bytes and bits of any type can be counted too
  int64_t count = 1;
  bool has_zero = false;
  for (int64_t size : shape) {
    if (size < 0) throw InvalidArgument("[shape] " + to_string(shape) + " has a size that is not known; give a static shape");
    if (size == 0) has_zero = true;
    else if (count > kMost / size) throw InvalidArgument("[shape] " + to_string(shape) + " has more than 2^56 elements");
    else count *= size;
  }
  return has_zero ? 0 : count;
}

bool is_static(const Shape& shape) {
  for (int64_t size : shape)
    if (size < 0) return false;
  return true;
}

Tensor::Tensor(Dtype dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  if (dtype_size(dtype) == 0) throw InvalidArgument("[tensor] dtype " + std::string(dtype_name(dtype)) + " cannot be stored; use a numeric dtype");
  size_ = element_count(shape_);
  if (size_ > (int64_t{1} << 48)) throw ResourceError("[tensor] shape " + to_string(shape_) + " needs more memory than any machine has");
  const size_t bytes = (size_bytes() + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
  void* memory = std::aligned_alloc(kAlignmentBytes, bytes ? bytes : kAlignmentBytes);
  if (!memory) throw ResourceError("[tensor] out of memory: shape " + to_string(shape_) + " needs " + std::to_string(bytes) + " bytes");
  owner_ = std::shared_ptr<void>(memory, [](void* p) { std::free(p); });
  data_ = static_cast<const std::byte*>(memory);
}

Tensor::Tensor(Dtype dtype, Shape shape, std::shared_ptr<const void> owner, const void* data)
    : dtype_(dtype), shape_(std::move(shape)), size_(element_count(shape_)), owner_(std::move(owner)), data_(static_cast<const std::byte*>(data)) {}

void Tensor::check_type(Dtype wanted, size_t size) const {
  const bool raw_half = wanted == Dtype::kU16 && (dtype_ == Dtype::kF16 || dtype_ == Dtype::kBF16);
  if (dtype_ != wanted && !raw_half)
    throw WrongType("[tensor] dtype " + std::string(dtype_name(dtype_)) + " read as " + std::string(dtype_name(wanted)) + " of " +
                    std::to_string(size) + " bytes");
}

Tensor Tensor::clone() const {
  if (empty()) return {};
  Tensor copy(dtype_, shape_);
  std::memcpy(copy.mutable_data(), data_, size_bytes());
  return copy;
}

Tensor Tensor::reshaped(Shape shape) const {
  if (element_count(shape) != size_) throw InvalidArgument("[tensor] cannot reshape " + to_string(shape_) + " to " + to_string(shape));
  Tensor other = *this;
  other.shape_ = std::move(shape);
  return other;
}

Tensor Tensor::to_f32() const {
  if (dtype_ == Dtype::kF32) return *this;
  Tensor out(Dtype::kF32, shape_);
  auto values = out.mutable_as<float>();
  visit_as_double(*this, [&](size_t i, double v) { values[i] = static_cast<float>(v); });
  return out;
}

std::vector<int64_t> Tensor::to_i64() const {
  std::vector<int64_t> out(static_cast<size_t>(size_));
  visit_as_double(*this, [&](size_t i, double v) { out[i] = static_cast<int64_t>(v); });
  if (dtype_ == Dtype::kI64 && size_ > 0) std::memcpy(out.data(), data_, size_bytes());  // beyond 2^53 a double is not exact
  return out;
}

bool bit_equal(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && (a.size_bytes() == 0 || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

double max_relative_error(const Tensor& a, const Tensor& b) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (a.shape() != b.shape()) return kInfinite;
  std::vector<double> reference(static_cast<size_t>(b.size()));
  double largest = 0, difference = 0;
  visit_as_double(b, [&](size_t i, double v) {
    reference[i] = v;
    if (std::isfinite(v)) largest = std::max(largest, std::fabs(v));
  });
  visit_as_double(a, [&](size_t i, double v) {
    if (v == reference[i] || (std::isnan(v) && std::isnan(reference[i]))) return;
    const double d = std::fabs(v - reference[i]);
    difference = std::isfinite(d) ? std::max(difference, d) : kInfinite;
  });
  if (difference == 0) return 0;
  return largest == 0 ? kInfinite : difference / largest;
}

#ifdef __FLT16_MANT_DIG__
#if defined(__aarch64__)
using Half = __fp16;  // GCC 12's C++ has no _Float16 there
#else
using Half = _Float16;
#endif
float f16_to_f32(uint16_t h) { return static_cast<float>(std::bit_cast<Half>(h)); }
uint16_t f32_to_f16(float f) { return std::bit_cast<uint16_t>(static_cast<Half>(f)); }
#else  // clang before 15 has no _Float16 on x86
float f16_to_f32(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, rest = h & 0x7fff;
  if (rest < 0x400) return std::bit_cast<float>(std::bit_cast<uint32_t>(static_cast<float>(rest) * 0x1p-24f) | sign);
  return std::bit_cast<float>(sign | ((rest << 13) + (rest < 0x7c00 ? 112u << 23 : 224u << 23)));
}
uint16_t f32_to_f16(float f) {
  const uint32_t bits = std::bit_cast<uint32_t>(f), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00 | (rest >> 13 & 0x1ff));
  if (rest >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);
  if (rest < 0x38800000)  // subnormal: adding 0.5 leaves the value in the last bits, rounded
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(std::bit_cast<float>(rest) + 0.5f) - std::bit_cast<uint32_t>(0.5f)));
  return static_cast<uint16_t>(sign | ((rest - (112u << 23) + 0xfff + (rest >> 13 & 1)) >> 13));
}
#endif
float bf16_to_f32(uint16_t h) { return std::bit_cast<float>(static_cast<uint32_t>(h) << 16); }
uint16_t f32_to_bf16(float f) {
  const uint32_t bits = std::bit_cast<uint32_t>(f);
  if (std::isnan(f)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace scissionlite
