// Plain crossing: float32 as it is, or rounded to float16.
#include "transfer/families.h"
#include "transfer/graph_builder.h"

namespace scissionlite::transfer {
namespace {

constexpr float kLargestHalf = 65504;

Graph convert(const FitContext& context, const char* name, const char* from_name, const char* to_name, Dtype from, Dtype to) {
  GraphBuilder build(name, context.opsets, context.ir_version);
  const auto shape = batched(context.tensor);
  auto x = build.input(from_name, from, shape);
  if (from != to) {
    if (to == Dtype::kF16) x = build.clip(from == Dtype::kF64 ? build.cast(x, Dtype::kF32) : x, -kLargestHalf, kLargestHalf);
    x = build.cast(x, to);
  } else {
    x = build.identity(x);
  }
  build.output(x, to_name, to, shape);
  return build.build();
}

class Plain final : public TransferLayer {
 public:
  explicit Plain(std::string spec) : spec_(std::move(spec)) {}
  [[nodiscard]] std::string spec() const override { return spec_; }
  [[nodiscard]] bool needs_samples() const override { return false; }
  [[nodiscard]] Support supports(const ValueInfo& tensor) const override {
    if (spec_ == "fp32") return {};
    if (auto support = supports_float(tensor, 2); !support.ok) return support;
    if (tensor.dtype == Dtype::kF16) return {false, "'" + tensor.name + "' is float16 already"};
    return {};
  }
  [[nodiscard]] Codec fit(const FitContext& context) const override {
    const Dtype own = context.tensor.dtype, wire = spec_ == "fp16" ? Dtype::kF16 : own;
    Codec codec;
    codec.encoder = convert(context, "encode", "x", "code", own, wire);
    codec.decoder = convert(context, "decode", "code", "x", wire, own);
    codec.code_bytes = wire_bytes(codec.encoder.outputs);
    codec.note = own == wire ? "exact" : "rounded to 11 significant bits";
    return codec;
  }

 private:
  std::string spec_;
};

}  // namespace

std::unique_ptr<TransferLayer> make_plain(const std::string& spec) {
  if (spec.find('-') != std::string::npos) bad_spec(spec, "takes no parameters");
  return std::make_unique<Plain>(spec);
}

}  // namespace scissionlite::transfer
