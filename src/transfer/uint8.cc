// Plain crossing in 8 bits: q = floor((x - low) * 255 / (high - low) + 0.5) over the range of each image.
//
// The range is taken inside the encoder, so that no samples are needed and nothing clips; it crosses as a second tensor,
// (n, 2) float32: low, high.
#include "transfer/families.h"
#include "transfer/graph_builder.h"

namespace scissionlite::transfer {
namespace {

constexpr float kLargest = 1e30F;    // what infinity saturates to; high - low stays finite
constexpr float kSmallest = 1e-30F;  // narrowest range: a constant image divides by this and gets code 0
constexpr float kLevels = 255;

Graph encoder(const FitContext& context) {
  GraphBuilder build("encode", context.opsets, context.ir_version);
  const auto shape = batched(context.tensor);
  auto x = build.input("x", context.tensor.dtype, shape);
  if (context.tensor.dtype != Dtype::kF32) x = build.cast(x, Dtype::kF32);
  const auto low = build.clip(build.reduce_min(x, shape.size()), -kLargest, kLargest);
  const auto high = build.clip(build.reduce_max(x, shape.size()), -kLargest, kLargest);
  const auto scale = build.div(build.scalar(kLevels), build.clip(build.sub(high, low), kSmallest, 2 * kLargest));
  const auto level = build.floor(build.add(build.mul(build.sub(x, low), scale), build.scalar(0.5F)));
  const auto code = build.cast(build.clip(level, 0, kLevels), Dtype::kU8);
  const auto range = build.concat({build.reshape(low, {-1, 1}), build.reshape(high, {-1, 1})}, 1);
  build.output(code, "code", Dtype::kU8, shape);
  build.output(range, "range", Dtype::kF32, {-1, 2});
  return build.build();
}

Graph decoder(const FitContext& context) {
  GraphBuilder build("decode", context.opsets, context.ir_version);
  const auto shape = batched(context.tensor);
  const auto code = build.input("code", Dtype::kU8, shape);
  const auto range = build.input("range", Dtype::kF32, {-1, 2});
  std::vector<int64_t> one_each(shape.size(), 1);
  one_each[0] = -1;
  const auto low = build.reshape(build.slice(range, 1, 0, 1), one_each);
  const auto high = build.reshape(build.slice(range, 1, 1, 2), one_each);
  const auto step = build.mul(build.sub(high, low), build.scalar(1 / kLevels));
  auto x = build.add(build.mul(build.cast(code, Dtype::kF32), step), low);
  if (context.tensor.dtype != Dtype::kF32) x = build.cast(x, context.tensor.dtype);
  build.output(x, "x", context.tensor.dtype, shape);
  return build.build();
}

class Uint8 final : public TransferLayer {
 public:
  [[nodiscard]] std::string spec() const override { return "uint8"; }
  [[nodiscard]] bool needs_samples() const override { return false; }
  [[nodiscard]] Support supports(const ValueInfo& tensor) const override { return supports_float(tensor, 2); }
  [[nodiscard]] Codec fit(const FitContext& context) const override {
    Codec codec{encoder(context), decoder(context), 0, "256 levels over each image's own range"};
    codec.code_bytes = wire_bytes(codec.encoder.outputs);
    return codec;
  }
};

}  // namespace

std::unique_ptr<TransferLayer> make_uint8(const std::string& spec) {
  if (spec != "uint8") bad_spec(spec, "takes no parameters");
  return std::make_unique<Uint8>();
}

}  // namespace scissionlite::transfer
