// Codes of a quantised model as they are: uint8 in 0 .. 2^bits - 1 (larger ones saturate), packed into bits of the wire's bytes (bit_planes.h). Exact
// where the tensor's codes have no more bits, as those that a Clip bounds; which a tensor has, scoring tells.
#include "transfer/bit_planes.h"
#include "transfer/families.h"
#include "transfer/graph_builder.h"

namespace scissionlite::transfer {
namespace {

constexpr int kMostBits = 7;  // eight are a byte each already

class Codes final : public TransferLayer {
 public:
  explicit Codes(int bits) : bits_(bits) {}
  [[nodiscard]] std::string spec() const override { return "codes" + std::to_string(bits_); }
  [[nodiscard]] bool needs_samples() const override { return false; }
  [[nodiscard]] Support supports(const ValueInfo& tensor) const override {
    if (tensor.dtype != Dtype::kU8) return {false, "takes codes, uint8; '" + tensor.name + "' is " + std::string(dtype_name(tensor.dtype))};
    if (!tensor.has_shape || tensor.shape.size() < 2 || elements_of_image(tensor) <= 0)
      return {false, "needs a known shape of two dimensions or more; '" + tensor.name + "' has " + to_string(tensor.shape)};
    return {};
  }
  [[nodiscard]] Codec fit(const FitContext& context) const override {
    const int64_t count = elements_of_image(context.tensor), bytes = packed_bytes(count, bits_);
    const auto shape = batched(context.tensor);
    GraphBuilder encode("encode", context.opsets, context.ir_version);
    const auto levels = encode.clip(encode.cast(encode.input("x", Dtype::kU8, shape), Dtype::kF32), 0, static_cast<float>((1 << bits_) - 1));
    encode.output(encode.cast(pack_bits(encode, levels, count, bits_), Dtype::kU8), "code", Dtype::kU8, {-1, bytes});
    GraphBuilder decode("decode", context.opsets, context.ir_version);
    const auto packed = decode.cast(decode.input("code", Dtype::kU8, {-1, bytes}), Dtype::kF32);
    decode.output(decode.cast(decode.reshape(unpack_bits(decode, packed, count, bits_), shape), Dtype::kU8), "x", Dtype::kU8, shape);
    Codec codec{encode.build(), decode.build(), bytes, "codes of " + std::to_string(bits_) + " bits as they are", nullptr};
    return codec;
  }

 private:
  int bits_;
};

}  // namespace

std::unique_ptr<TransferLayer> make_codes(const std::string& spec) {
  const auto digits = spec.substr(std::string("codes").size());
  if (digits.size() != 1 || digits[0] < '1' || digits[0] > '0' + kMostBits) bad_spec(spec, "has to name 1 to 7 bits and no parameters");
  return std::make_unique<Codes>(digits[0] - '0');
}

}  // namespace scissionlite::transfer
