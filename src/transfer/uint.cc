// Plain crossing in 1 to 8 bits: q = floor((x - low) * (2^bits - 1) / (high - low) + 0.5) over the range of each image.
//
// The range is taken inside the encoder, so that no samples are needed and nothing clips; it crosses as a second tensor,
// (n, 2) float32: low, high. 8 bits keep the tensor's shape; fewer are packed (bit_planes.h) into (n, bytes).
#include "transfer/bit_planes.h"
#include "transfer/families.h"
#include "transfer/graph_builder.h"

namespace scissionlite::transfer {
namespace {

constexpr float kLargest = 1e30F;    // what infinity saturates to; high - low stays finite
constexpr float kSmallest = 1e-30F;  // narrowest range: a constant image divides by this and gets code 0
constexpr int kWhole = 8;            // bits that need no packing

float top_level(int bits) { return static_cast<float>((1 << bits) - 1); }

Graph encoder(const FitContext& context, int bits) {
  GraphBuilder build("encode", context.opsets, context.ir_version);
  const auto shape = batched(context.tensor);
  auto x = build.input("x", context.tensor.dtype, shape);
  if (context.tensor.dtype != Dtype::kF32) x = build.cast(x, Dtype::kF32);
  const auto low = build.clip(build.reduce_min(x, shape.size()), -kLargest, kLargest);
  const auto high = build.clip(build.reduce_max(x, shape.size()), -kLargest, kLargest);
  const auto scale = build.div(build.scalar(top_level(bits)), build.clip(build.sub(high, low), kSmallest, 2 * kLargest));
  auto level = build.floor(build.add(build.mul(build.sub(x, low), scale), build.scalar(0.5F)));
  level = build.clip(level, 0, top_level(bits));
  const auto range = build.concat({build.reshape(low, {-1, 1}), build.reshape(high, {-1, 1})}, 1);
  if (bits == kWhole) {
    build.output(build.cast(level, Dtype::kU8), "code", Dtype::kU8, shape);
  } else {
    const auto packed = pack_bits(build, level, elements_of_image(context.tensor), bits);
    build.output(build.cast(packed, Dtype::kU8), "code", Dtype::kU8, {-1, packed_bytes(elements_of_image(context.tensor), bits)});
  }
  build.output(range, "range", Dtype::kF32, {-1, 2});
  return build.build();
}

Graph decoder(const FitContext& context, int bits) {
  GraphBuilder build("decode", context.opsets, context.ir_version);
  const auto shape = batched(context.tensor);
  const Shape code_shape = bits == kWhole ? shape : Shape{-1, packed_bytes(elements_of_image(context.tensor), bits)};
  auto level = build.cast(build.input("code", Dtype::kU8, code_shape), Dtype::kF32);
  const auto range = build.input("range", Dtype::kF32, {-1, 2});
  if (bits != kWhole) level = build.reshape(unpack_bits(build, level, elements_of_image(context.tensor), bits), shape);
  std::vector<int64_t> one_each(shape.size(), 1);
  one_each[0] = -1;
  const auto low = build.reshape(build.slice(range, 1, 0, 1), one_each);
  const auto high = build.reshape(build.slice(range, 1, 1, 2), one_each);
  const auto step = build.mul(build.sub(high, low), build.scalar(1 / top_level(bits)));
  auto x = build.add(build.mul(level, step), low);
  if (context.tensor.dtype != Dtype::kF32) x = build.cast(x, context.tensor.dtype);
  build.output(x, "x", context.tensor.dtype, shape);
  return build.build();
}

class Uint final : public TransferLayer {
 public:
  explicit Uint(int bits) : bits_(bits) {}
  [[nodiscard]] std::string spec() const override { return "uint" + std::to_string(bits_); }
  [[nodiscard]] bool needs_samples() const override { return false; }
  [[nodiscard]] Support supports(const ValueInfo& tensor) const override { return supports_float(tensor, 2); }
  [[nodiscard]] Codec fit(const FitContext& context) const override {
    Codec codec{encoder(context, bits_), decoder(context, bits_), 0, std::to_string(1 << bits_) + " levels over each image's own range", nullptr};
    codec.code_bytes = wire_bytes(codec.encoder.outputs);
    return codec;
  }

 private:
  int bits_;
};

}  // namespace

std::unique_ptr<TransferLayer> make_uint(const std::string& spec) {
  const auto digits = spec.substr(4);
  if (digits.size() != 1 || digits[0] < '1' || digits[0] > '8') bad_spec(spec, "has to name 1 to 8 bits and no parameters");
  return std::make_unique<Uint>(digits[0] - '0');
}

}  // namespace scissionlite::transfer
