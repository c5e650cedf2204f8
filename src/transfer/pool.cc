// The TL of ScissionLite (arXiv 2105.02019): 2 x 2 max-pooling on the device, nearest-neighbour upsampling on the edge.
//
// Differs in odd sizes: the last row and column are pooled alone and cropped after upsampling, so that the shape comes
// back right.
#include "transfer/families.h"
#include "transfer/graph_builder.h"

namespace scissionlite::transfer {
namespace {

class Pool final : public TransferLayer {
 public:
  [[nodiscard]] std::string spec() const override { return "pool"; }
  [[nodiscard]] bool needs_samples() const override { return false; }
  [[nodiscard]] Support supports(const ValueInfo& tensor) const override {
    if (auto support = supports_float(tensor, 4); !support.ok) return support;
    if (tensor.shape.size() != 4) return {false, "needs 4 dimensions, '" + tensor.name + "' is " + to_string(tensor.shape)};
    return {};
  }
  [[nodiscard]] Codec fit(const FitContext& context) const override {
    Codec codec{encoder(context), decoder(context), 0, "2x2 maximum", nullptr};
    codec.code_bytes = wire_bytes(codec.encoder.outputs);
    return codec;
  }

 private:
  static Shape pooled(const ValueInfo& tensor) { return {-1, tensor.shape[1], (tensor.shape[2] + 1) / 2, (tensor.shape[3] + 1) / 2}; }
  /// Runs `body` in float32, the type that every runtime pools and resizes.
  template <typename Body>
  static std::string in_f32(GraphBuilder& build, Dtype dtype, const std::string& x, Body body) {
    if (dtype == Dtype::kF32) return body(x);
    return build.cast(body(build.cast(x, Dtype::kF32)), dtype);
  }
  static Graph encoder(const FitContext& context) {
    const auto& tensor = context.tensor;
    GraphBuilder build("encode", context.opsets, context.ir_version);
    const std::vector<int64_t> pads{0, 0, tensor.shape[2] % 2, tensor.shape[3] % 2};
    const auto x = build.input("x", tensor.dtype, batched(tensor));
    const auto code = in_f32(build, tensor.dtype, x, [&](const std::string& v) {
      const std::vector<int64_t> two{2, 2};
      return build.node("MaxPool", {v}, {{"kernel_shape", two}, {"strides", two}, {"pads", pads}});
    });
    build.output(code, "code", tensor.dtype, pooled(tensor));
    return build.build();
  }
  static Graph decoder(const FitContext& context) {
    const auto& tensor = context.tensor;
    GraphBuilder build("decode", context.opsets, context.ir_version);
    const auto code = build.input("code", tensor.dtype, pooled(tensor));
    const auto x = in_f32(build, tensor.dtype, code, [&](const std::string& v) {
      auto up = build.upsample2(v);
      for (const int64_t axis : {2, 3})
        if (tensor.shape[axis] % 2) up = build.slice(up, axis, 0, tensor.shape[axis]);
      return up;
    });
    build.output(x, "x", tensor.dtype, batched(tensor));
    return build.build();
  }
};

}  // namespace

std::unique_ptr<TransferLayer> make_pool(const std::string& spec) {
  if (spec != "pool") bad_spec(spec, "takes no parameters");
  return std::make_unique<Pool>();
}

}  // namespace scissionlite::transfer
