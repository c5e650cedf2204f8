// Closed-form learned TL: principal components (KLT) of stride x stride patches, quantised at fixed bits.
//
// Encoder: one strided convolution, clip, floor, packing into bytes. Decoder: unpacking, one transposed convolution.
// Fitted on unlabelled activations by an eigendecomposition: no training, no gradients.
#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "transfer/families.h"
#include "transfer/graph_builder.h"
#include "transfer/klt_graphs.h"
#include "transfer/klt_internal.h"

namespace scissionlite::transfer {
namespace {

struct KltSpec {
  std::string text;
  int64_t stride = 2, components = 0, bits = 0;  // uniform
  int64_t bytes = 0;                             // or by rate: of one image
  [[nodiscard]] bool by_rate() const { return bytes > 0; }
};

/// What was fitted, in the order of the code's channels.
struct Fitted {
  PatchGrid grid;
  BitLayout layout;
  const KltBasis& basis;
  std::vector<Quantiser> quantisers;  // (channels)
};

/// (channels, c, stride, stride): row k is the component that channel k holds, times factor[k].
Tensor weights(const Fitted& fitted, const std::vector<float>& factors) {
  Eigen::MatrixXf rows(static_cast<Eigen::Index>(factors.size()), fitted.grid.dims());
  for (size_t k = 0; k < factors.size(); ++k)
    rows.row(static_cast<Eigen::Index>(k)) = fitted.basis.vectors.col(fitted.layout.components[k]) * factors[k];
  return convolution_weights(fitted.grid, rows);
}

Shape code_shape(const Fitted& fitted) { return {-1, fitted.layout.bytes, fitted.grid.rows(), fitted.grid.columns()}; }

bool is_uniform(const BitLayout& layout) {
  return std::all_of(layout.levels.begin(), layout.levels.end(), [&](int l) { return l == layout.levels[0]; });
}

/// Codes of all channels as whole floats: floor(clip(convolution)).
std::string quantise(GraphBuilder& build, const Fitted& fitted, const std::string& x) {
  constexpr float kBelowOne = 1 - 1e-6F;  // so that floor of the upper end is the last level
  const bool uniform = is_uniform(fitted.layout);
  const float top = uniform ? static_cast<float>(fitted.layout.levels[0]) : 1.0F;
  std::vector<float> factors, biases, levels;
  for (size_t k = 0; k < fitted.quantisers.size(); ++k) {
    const auto& q = fitted.quantisers[k];
    factors.push_back(top / (q.high - q.low));
    biases.push_back(static_cast<float>(
        (-mean_projection(fitted.grid, fitted.basis.mean, fitted.basis.vectors.col(fitted.layout.components[k])) - q.low) * factors.back()));
    levels.push_back(static_cast<float>(fitted.layout.levels[k]));
  }
  const auto bias = build.constant(Tensor::of<float>({static_cast<int64_t>(biases.size())}, biases));
  auto z = build.node("Conv", {x, build.constant(weights(fitted, factors)), bias}, convolution_attributes(fitted.grid));
  z = build.clip(z, 0, top * kBelowOne);
  return build.floor(uniform ? z : build.mul(z, build.channels(levels)));
}

std::string pack(GraphBuilder& build, const BitLayout& layout, const std::string& codes) {
  std::string bytes;
  for (const auto& slot : layout.slots) {
    auto part = layout.slots.size() == 1 ? codes : build.slice(codes, 1, slot.first, slot.first + slot.count);
    if (!bytes.empty()) {
      part = build.mul(part, build.channels(slot.multipliers));
      if (slot.count < layout.bytes) part = build.pad_channels(part, layout.bytes - slot.count);
      part = build.add(bytes, part);
    }
    bytes = part;
  }
  return bytes;
}

/// Codes of all channels from bytes: slot i is floor(byte / m_i) less L_i times floor(byte / (m_i * L_i)). Half a unit is
/// added before each division, so that rounding of the reciprocal cannot cross a whole number.
std::string unpack(GraphBuilder& build, const BitLayout& layout, const std::string& bytes) {
  const auto quotient = [&](const std::string& value, const std::vector<float>& divisors) {
    std::vector<float> reciprocals;
    for (const float d : divisors) reciprocals.push_back(1 / d);
    return build.floor(build.mul(build.add(value, build.scalar(0.5F)), build.channels(reciprocals)));
  };
  std::vector<std::string> parts;
  for (size_t i = 0; i < layout.slots.size(); ++i) {
    const auto& slot = layout.slots[i];
    const auto mine = slot.count == layout.bytes ? bytes : build.slice(bytes, 1, 0, slot.count);
    auto code = i == 0 ? mine : quotient(mine, slot.multipliers);
    if (i + 1 < layout.slots.size()) {
      std::vector<float> levels, above;
      for (int64_t k = 0; k < slot.count; ++k) {
        levels.push_back(static_cast<float>(layout.levels[slot.first + k]));
        above.push_back(slot.multipliers[k] * levels.back());
      }
      code = build.sub(code, build.mul(quotient(mine, above), build.channels(levels)));
    }
    parts.push_back(code);
  }
  return build.concat(parts, 1);
}

Graph encoder(const FitContext& context, const Fitted& fitted) {
  GraphBuilder build("encode", context.opsets, context.ir_version);
  auto x = build.input("x", context.tensor.dtype, batched(context.tensor));
  if (context.tensor.dtype != Dtype::kF32) x = build.cast(x, Dtype::kF32);
  const auto bytes = pack(build, fitted.layout, quantise(build, fitted, x));
  build.output(build.cast(bytes, Dtype::kU8), "code", Dtype::kU8, code_shape(fitted));
  return build.build();
}

Graph decoder(const FitContext& context, const Fitted& fitted) {
  GraphBuilder build("decode", context.opsets, context.ir_version);
  const auto bytes = build.cast(build.input("code", Dtype::kU8, code_shape(fitted)), Dtype::kF32);
  std::vector<float> scales, shifts;
  for (const auto& q : fitted.quantisers) {
    scales.push_back(q.scale);
    shifts.push_back(q.shift / q.scale);  // the scale itself is in the weights
  }
  const auto z = build.add(unpack(build, fitted.layout, bytes), build.channels(shifts));
  const auto bias = build.constant(Tensor::of<float>({fitted.grid.channels}, fitted.basis.mean));
  auto x = build.node("ConvTranspose", {z, build.constant(weights(fitted, scales)), bias}, convolution_attributes(fitted.grid));
  x = restore_range(build, fitted.basis.low, fitted.basis.high, x);
  if (context.tensor.dtype != Dtype::kF32) x = build.cast(x, context.tensor.dtype);
  build.output(x, "x", context.tensor.dtype, batched(context.tensor));
  return build.build();
}

class Klt final : public TransferLayer {
 public:
  explicit Klt(KltSpec spec) : spec_(std::move(spec)) {}
  [[nodiscard]] std::string spec() const override { return spec_.text; }
  [[nodiscard]] bool needs_samples() const override { return true; }

  [[nodiscard]] Support supports(const ValueInfo& tensor) const override {
    if (auto support = supports_patches(tensor, spec_.stride); !support.ok) return support;
    const auto grid = grid_of(tensor, spec_.stride);
    if (spec_.components > grid.dims())
      return {false,
              "a patch of '" + tensor.name + "' has " + std::to_string(grid.dims()) + " components, fewer than " + std::to_string(spec_.components)};
    if (spec_.by_rate() && spec_.bytes < grid.positions())
      return {false, "needs at least " + std::to_string(grid.positions()) + " bytes: one for each patch of '" + tensor.name + "'"};
    return {};
  }

  [[nodiscard]] Codec fit(const FitContext& context) const override {
    const std::string where = "transfer '" + spec_.text + "' at '" + context.tensor.name + "'";
    if (const auto support = supports(context.tensor); !support.ok) throw InvalidArgument("[" + where + "] " + support.reason);
    const auto grid = grid_of(context.tensor, spec_.stride);
    const auto basis = fit_klt(grid, context.samples, spec_.by_rate() ? grid.dims() : spec_.components, where);
    Fitted fitted{grid, layout(grid, basis), basis, {}};
    for (size_t k = 0; k < fitted.layout.components.size(); ++k) {
      const auto column = basis.projections.col(fitted.layout.components[k]);
      fitted.quantisers.push_back(fit_quantiser({column.data(), column.data() + column.size()}, fitted.layout.levels[k]));
    }
    Codec codec{encoder(context, fitted), decoder(context, fitted), 0, note(fitted, context.samples.size()), nullptr};
    codec.code_bytes = wire_bytes(codec.encoder.outputs);
    return codec;
  }

 private:
  [[nodiscard]] BitLayout layout(const PatchGrid& grid, const KltBasis& basis) const {
    if (!spec_.by_rate()) return uniform_layout(static_cast<int>(spec_.components), static_cast<int>(spec_.bits));
    return rate_layout(basis.variances, static_cast<int>(spec_.bytes / grid.positions()));
  }
  /// The share of the variance that is left in the channels and after quantisation.
  static std::string note(const Fitted& fitted, size_t images) {
    double kept = 0, left = 0;
    for (size_t k = 0; k < fitted.quantisers.size(); ++k) {
      kept += fitted.basis.variances[fitted.layout.components[k]];
      left += std::max(0.0, fitted.basis.variances[fitted.layout.components[k]] - fitted.quantisers[k].error);
    }
    const double whole = fitted.basis.total_variance;
    return std::to_string(fitted.quantisers.size()) + " of " + std::to_string(fitted.grid.dims()) + " components hold " +
           format_fixed(100 * kept / whole, 1) + " % of the variance, " + format_fixed(100 * left / whole, 1) + " % after quantisation; fitted on " +
           counted(static_cast<int64_t>(images), "image");
  }
  KltSpec spec_;
};

}  // namespace

std::unique_ptr<TransferLayer> make_klt(const std::string& spec) {
  const auto parameters = spec_parameters(spec);
  const auto get = [&](char letter) {
    const auto it = parameters.find(letter);
    return it == parameters.end() ? int64_t{0} : it->second;
  };
  for (const auto& [letter, value] : parameters)
    if (std::string("scbrq").find(letter) == std::string::npos) bad_spec(spec, std::string("unknown parameter '") + letter + "'");
  KltSpec klt{spec, get('s'), get('c'), get('b'), get('r')};
  if (klt.stride < 1 || klt.stride > 16) bad_spec(spec, "the stride has to lie in 1 .. 16");
  if (const int64_t step = get('q'); step > 0) {
    if (klt.by_rate() || klt.components > 0 || klt.bits > 0) bad_spec(spec, "give c and b, or r, or q");
    if (step > 1000) bad_spec(spec, "the step has to lie in 1 .. 1000 % of the components' rms");
    return make_coded_klt(spec, klt.stride, step);
  }
  if (klt.by_rate() && (klt.components > 0 || klt.bits > 0)) bad_spec(spec, "give either c and b or r");
  if (!klt.by_rate() && klt.components < 1) bad_spec(spec, "the number of channels is missing");
  if (!klt.by_rate() && klt.bits != 1 && klt.bits != 2 && klt.bits != 4 && klt.bits != 8)
    bad_spec(spec, "bits of 1, 2, 4 or 8 fill whole bytes; for a rate in between give r");
  return std::make_unique<Klt>(std::move(klt));
}

}  // namespace scissionlite::transfer
