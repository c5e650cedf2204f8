#include "train/tensors/convert.h"

#include <cmath>
#include <cstring>

namespace scissionlite::train {
namespace {

/// The type with the same bytes, where libtorch has one.
torch::ScalarType stored_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32: return torch::kFloat;
    case Dtype::kF64: return torch::kDouble;
    case Dtype::kF16: return torch::kHalf;
    case Dtype::kBF16: return torch::kBFloat16;
    case Dtype::kU8: return torch::kByte;
    case Dtype::kI8: return torch::kChar;
    case Dtype::kI16: return torch::kShort;
    case Dtype::kI32: return torch::kInt;
    case Dtype::kI64: return torch::kLong;
    case Dtype::kBool: return torch::kBool;
    default: return torch::ScalarType::Undefined;
  }
}

template <typename From, typename To>
torch::Tensor widened(const Tensor& tensor, torch::ScalarType type) {
  auto out = torch::empty(tensor.shape(), type);
  const auto values = tensor.as<From>();
  std::copy(values.begin(), values.end(), out.data_ptr<To>());
  return out;
}

template <typename From, typename To>
Tensor narrowed(const torch::Tensor& tensor, Dtype dtype) {
  const auto flat = tensor.contiguous();
  Tensor out(dtype, {tensor.sizes().begin(), tensor.sizes().end()});
  const auto* from = flat.data_ptr<From>();
  auto* to = reinterpret_cast<To*>(out.mutable_data());
  for (int64_t i = 0; i < out.size(); ++i) to[i] = static_cast<To>(from[i]);
  return out;
}

}  // namespace

bool is_floating(Dtype dtype) { return dtype == Dtype::kF32 || dtype == Dtype::kF64 || dtype == Dtype::kF16 || dtype == Dtype::kBF16; }

torch::ScalarType torch_type(Dtype dtype, torch::ScalarType compute) {
  if (is_floating(dtype)) return compute;
  switch (dtype) {
    case Dtype::kU16: return torch::kInt;
    case Dtype::kU32:
    case Dtype::kU64: return torch::kLong;
    default: break;
  }
  const auto type = stored_type(dtype);
  if (type == torch::ScalarType::Undefined) throw Unsupported("[train] tensors of type " + std::string(dtype_name(dtype)) + " cannot be held");
  return type;
}

torch::Tensor to_torch(const Tensor& tensor, torch::ScalarType compute) {
  const auto type = torch_type(tensor.dtype(), compute);
  switch (tensor.dtype()) {
    case Dtype::kU16: return widened<uint16_t, int32_t>(tensor, type);
    case Dtype::kU32: return widened<uint32_t, int64_t>(tensor, type);
    case Dtype::kU64: return widened<uint64_t, int64_t>(tensor, type);
    default: break;
  }
  const auto view = torch::from_blob(const_cast<std::byte*>(tensor.data()), tensor.shape(), stored_type(tensor.dtype()));
  return view.to(type, /*non_blocking=*/false, /*copy=*/true);
}

Tensor from_torch(const torch::Tensor& tensor, Dtype dtype) {
  const auto source = tensor.detach().cpu();
  if (dtype == Dtype::kU16) return narrowed<int32_t, uint16_t>(source.to(torch::kInt), dtype);
  if (dtype == Dtype::kU32) return narrowed<int64_t, uint32_t>(source.to(torch::kLong), dtype);
  if (dtype == Dtype::kU64) return narrowed<int64_t, uint64_t>(source.to(torch::kLong), dtype);
  const auto held = source.to(stored_type(dtype)).contiguous();
  if (dtype == Dtype::kF16 && !torch::equal(held.isfinite(), source.isfinite()))
    throw InvalidArgument("[train] a value of " + std::to_string(source.abs().max().item<double>()) +
                          " does not fit float16 (65504); train with a lower learning rate");
  Tensor out(dtype, {held.sizes().begin(), held.sizes().end()});
  std::memcpy(out.mutable_data(), held.data_ptr(), out.size_bytes());
  return out;
}

}  // namespace scissionlite::train
