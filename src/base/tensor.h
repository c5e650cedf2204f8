// Dtype, shape and tensor: the values that flow through every other folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace scissionlite {

/// Element types; the numbers are those of ONNX TensorProto.DataType.
enum class Dtype : int32_t {
  kUndefined = 0,
  kF32 = 1,
  kU8 = 2,
  kI8 = 3,
  kU16 = 4,
  kI16 = 5,
  kI32 = 6,
  kI64 = 7,
  kString = 8,
  kBool = 9,
  kF16 = 10,
  kF64 = 11,
  kU32 = 12,
  kU64 = 13,
  kBF16 = 16,
};

/// Bytes of one element; 0 for kUndefined and kString.
[[nodiscard]] size_t dtype_size(Dtype dtype);
/// "float32", "uint8", ... as ONNX and numpy write them.
[[nodiscard]] std::string_view dtype_name(Dtype dtype);
/// "FP32", "UINT8", ... as the Open Inference Protocol writes them.
[[nodiscard]] std::string_view dtype_oip_name(Dtype dtype);
/// Inverse of `dtype_oip_name`; kUndefined when unknown.
[[nodiscard]] Dtype dtype_from_oip_name(std::string_view name);
/// Inverse of `dtype_name`; kUndefined when unknown.
[[nodiscard]] Dtype dtype_from_name(std::string_view name);

/// Sizes, outermost first. In a model's interface -1 stands for a dynamic size; a Tensor has none.
using Shape = std::vector<int64_t>;

/// "(1, 3, 224, 224)"; a dynamic size prints as "?".
[[nodiscard]] std::string to_string(const Shape& shape);
/// Product of the sizes; 1 for rank 0. @throws InvalidArgument on a negative size or an overflow of 2^56 elements.
[[nodiscard]] int64_t element_count(const Shape& shape);
/// True when no size is negative.
[[nodiscard]] bool is_static(const Shape& shape);

/// A dense row-major tensor. Copies share the buffer; a buffer that is shared is never written (write right after
/// construction, or take `clone`). Strings are not held: dtype kString is refused.
class Tensor {
 public:
  Tensor() = default;
  /// Uninitialised storage, 64-byte aligned. @throws InvalidArgument for a dynamic shape or kString,
  /// ResourceError when memory is short.
  Tensor(Dtype dtype, Shape shape);
  /// A view of memory that `owner` keeps alive.
  Tensor(Dtype dtype, Shape shape, std::shared_ptr<const void> owner, const void* data);
  /// Copies `values`. T is one of float, double, (u)int8_t ... (u)int64_t, bool.
  template <typename T>
  static Tensor of(Shape shape, std::span<const T> values);
  template <typename T>
  static Tensor of(Shape shape, std::initializer_list<T> values) {
    return of<T>(std::move(shape), std::span<const T>(values.begin(), values.size()));
  }
  template <typename T>
  static Tensor scalar(T value) {
    return of<T>({}, {value});
  }

  [[nodiscard]] Dtype dtype() const { return dtype_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] int64_t size() const { return size_; }
  [[nodiscard]] size_t size_bytes() const { return static_cast<size_t>(size_) * dtype_size(dtype_); }
  [[nodiscard]] bool empty() const { return dtype_ == Dtype::kUndefined; }
  [[nodiscard]] const std::byte* data() const { return data_; }
  [[nodiscard]] std::byte* mutable_data() { return const_cast<std::byte*>(data_); }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_bytes()}; }

  /// Typed access. @throws InternalError when T is not the dtype (kF16 and kBF16 are read as uint16_t).
  template <typename T>
  [[nodiscard]] std::span<const T> as() const {
    check_type(dtype_of<T>(), sizeof(T));
    return {reinterpret_cast<const T*>(data_), static_cast<size_t>(size_)};
  }
  template <typename T>
  [[nodiscard]] std::span<T> mutable_as() {
    check_type(dtype_of<T>(), sizeof(T));
    return {reinterpret_cast<T*>(mutable_data()), static_cast<size_t>(size_)};
  }

  [[nodiscard]] Tensor clone() const;
  /// Same buffer, other shape. @throws InvalidArgument when the number of elements differs.
  [[nodiscard]] Tensor reshaped(Shape shape) const;
  /// Values as float32 (a copy unless it is float32 already); every numeric dtype.
  [[nodiscard]] Tensor to_f32() const;
  /// Values as int64, for shapes, axes and pads.
  [[nodiscard]] std::vector<int64_t> to_i64() const;

  template <typename T>
  static constexpr Dtype dtype_of();

 private:
  void check_type(Dtype wanted, size_t size) const;
  Dtype dtype_ = Dtype::kUndefined;
  Shape shape_;
  int64_t size_ = 0;
  std::shared_ptr<const void> owner_;
  const std::byte* data_ = nullptr;
};

/// Same dtype, shape and bits.
[[nodiscard]] bool bit_equal(const Tensor& a, const Tensor& b);
/// max|a - b| / max|b| over float values (0 when both are all zero); infinity when shapes differ or NaNs disagree.
[[nodiscard]] double max_relative_error(const Tensor& a, const Tensor& b);

float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);  ///< round to nearest even; overflow gives infinity
float bf16_to_f32(uint16_t h);
uint16_t f32_to_bf16(float f);

template <typename T>
constexpr Dtype Tensor::dtype_of() {
  if constexpr (std::is_same_v<T, float>) return Dtype::kF32;
  else if constexpr (std::is_same_v<T, double>) return Dtype::kF64;
  else if constexpr (std::is_same_v<T, uint8_t>) return Dtype::kU8;
  else if constexpr (std::is_same_v<T, int8_t>) return Dtype::kI8;
  else if constexpr (std::is_same_v<T, uint16_t>) return Dtype::kU16;
  else if constexpr (std::is_same_v<T, int16_t>) return Dtype::kI16;
  else if constexpr (std::is_same_v<T, int32_t>) return Dtype::kI32;
  else if constexpr (std::is_same_v<T, uint32_t>) return Dtype::kU32;
  else if constexpr (std::is_same_v<T, int64_t>) return Dtype::kI64;
  else if constexpr (std::is_same_v<T, uint64_t>) return Dtype::kU64;
  else if constexpr (std::is_same_v<T, bool>) return Dtype::kBool;
  else return Dtype::kUndefined;
}

template <typename T>
Tensor Tensor::of(Shape shape, std::span<const T> values) {
  Tensor t(dtype_of<T>(), std::move(shape));
  if (static_cast<int64_t>(values.size()) != t.size())
    throw InvalidArgument("[tensor] shape " + to_string(t.shape()) + " expects " + std::to_string(t.size()) + " values, got " +
                          std::to_string(values.size()));
  std::copy(values.begin(), values.end(), t.mutable_as<T>().begin());
  return t;
}

}  // namespace scissionlite
