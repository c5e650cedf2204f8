// Entropy-coded closed-form TL ("klt-s2-q50"): principal components of patches, one quantiser step, symbols that cross as
// uint8 (n, components, rows, columns) and, between two ScissionLite ends, as an entropy-coded stream (src/coding).
//
// Encoder: one strided convolution, weights by position, rounding with a wide zero, a shift. Decoder: a shift, weights, one
// transposed convolution of a patch's own symbols and one of the strongest symbols around it.
#include "transfer/coded_klt.h"

#include <algorithm>

#include "base/counted.h"
#include "base/text.h"
#include "coding/code_model.h"
#include "transfer/coded_klt_rates.h"
#include "transfer/families.h"
#include "transfer/graph_builder.h"
#include "transfer/klt_graphs.h"

namespace scissionlite::transfer {
namespace {

std::vector<float> as_floats(const std::vector<int>& values) { return {values.begin(), values.end()}; }

std::vector<float> top_symbols(const CodedBasis& basis) {
  std::vector<float> tops;
  for (const int levels : basis.levels) tops.push_back(static_cast<float>(levels - 1));
  return tops;
}

Shape code_shape(const PatchGrid& grid, const CodedBasis& basis) {
  return {-1, static_cast<int64_t>(basis.zeros.size()), grid.rows(), grid.columns()};
}

std::vector<float> analysis_bias(const PatchGrid& grid, const CodedBasis& basis) {
  std::vector<float> bias;
  for (Eigen::Index k = 0; k < basis.analysis.rows(); ++k)
    bias.push_back(static_cast<float>(-mean_projection(grid, basis.mean, basis.analysis.row(k))));
  return bias;
}

/// (1, 1, rows, columns), of the weights or of their inverses.
Tensor weight_map(const PatchGrid& grid, const CodedBasis& basis, bool inverse) {
  std::vector<float> values = basis.weights;
  for (auto& value : values) value = inverse ? 1 / value : value;
  return Tensor::of<float>({1, 1, grid.rows(), grid.columns()}, values);
}
bool is_weighted(const CodedBasis& basis) {
  return std::any_of(basis.weights.begin(), basis.weights.end(), [](float w) { return w != 1; });
}

/// Weights (neighbours, channels, 3 stride, 3 stride) of a transposed convolution that spreads a symbol over the eight
/// patches around its own.
Tensor around_weights(const PatchGrid& grid, const CodedBasis& basis) {
  const auto s = grid.stride, side = 3 * s;
  const auto neighbours = basis.around[0].cols();
  Tensor out(Dtype::kF32, {neighbours, grid.channels, side, side});
  auto values = out.mutable_as<float>();
  std::fill(values.begin(), values.end(), 0.0F);
  for (int64_t block = 0, i = 0; block < 9; ++block) {
    if (block == 4) continue;  // its own patch
    const auto& map = basis.around[static_cast<size_t>(i++)];
    // Seen from the patch, the symbol is at (block / 3 - 1, block % 3 - 1); seen from the symbol, the patch is opposite.
    const auto top = (2 - block / 3) * s, left = (2 - block % 3) * s;
    for (Eigen::Index k = 0; k < neighbours; ++k)
      for (Eigen::Index d = 0; d < map.rows(); ++d) {
        const auto c = d / (s * s), y = top + d / s % s, x = left + d % s;
        values[static_cast<size_t>(((k * grid.channels + c) * side + y) * side + x)] = map(d, k);
      }
  }
  return out;
}
std::map<std::string, Attribute> around_attributes(const PatchGrid& grid) {
  const auto s = grid.stride;
  const std::vector<int64_t> kernel{3 * s, 3 * s}, strides{s, s};
  const std::vector<int64_t> pads{s, s, s + grid.rows() * s - grid.height, s + grid.columns() * s - grid.width};
  return {{"kernel_shape", kernel}, {"strides", strides}, {"pads", pads}};
}

Graph encoder(const FitContext& context, const PatchGrid& grid, const CodedBasis& basis) {
  GraphBuilder build("encode", context.opsets, context.ir_version);
  auto x = build.input("x", context.tensor.dtype, batched(context.tensor));
  if (context.tensor.dtype != Dtype::kF32) x = build.cast(x, Dtype::kF32);
  const auto bias = analysis_bias(grid, basis);
  auto z = build.node(
      "Conv",
      {x, build.constant(convolution_weights(grid, basis.analysis)), build.constant(Tensor::of<float>({static_cast<int64_t>(bias.size())}, bias))},
      convolution_attributes(grid));
  if (is_weighted(basis)) z = build.mul(z, build.constant(weight_map(grid, basis, /*inverse=*/false)));
  const auto round_up = build.scalar(static_cast<float>(kRoundUp));
  const auto above = build.floor(build.add(build.relu(z), round_up));
  const auto below = build.floor(build.add(build.relu(build.mul(z, build.scalar(-1))), round_up));
  auto code = build.relu(build.add(build.sub(above, below), build.channels(as_floats(basis.zeros))));
  const auto tops = build.channels(top_symbols(basis));
  code = build.sub(tops, build.relu(build.sub(tops, code)));  // the smaller of both; Min has no broadcast at opset 7
  build.output(build.cast(code, Dtype::kU8), "code", Dtype::kU8, code_shape(grid, basis));
  return build.build();
}

Graph decoder(const FitContext& context, const PatchGrid& grid, const CodedBasis& basis) {
  GraphBuilder build("decode", context.opsets, context.ir_version);
  const auto code = build.cast(build.input("code", Dtype::kU8, code_shape(grid, basis)), Dtype::kF32);
  auto q = build.sub(code, build.channels(as_floats(basis.zeros)));
  if (is_weighted(basis)) q = build.mul(q, build.constant(weight_map(grid, basis, /*inverse=*/true)));
  const auto weights = build.constant(convolution_weights(grid, basis.synthesis.transpose()));
  auto x = build.node("ConvTranspose", {q, weights, build.constant(Tensor::of<float>({grid.channels}, basis.mean))}, convolution_attributes(grid));
  if (!basis.around.empty()) {
    const auto strongest = basis.around[0].cols() < basis.synthesis.cols() ? build.slice(q, 1, 0, basis.around[0].cols()) : q;
    x = build.add(x, build.node("ConvTranspose", {strongest, build.constant(around_weights(grid, basis))}, around_attributes(grid)));
  }
  if (basis.in_range) x = restore_range(build, basis.low, basis.high, x);
  if (context.tensor.dtype != Dtype::kF32) x = build.cast(x, context.tensor.dtype);
  build.output(x, "x", context.tensor.dtype, batched(context.tensor));
  return build.build();
}

std::shared_ptr<const coding::CodeModel> fit_coder(const CodedBasis& basis, int64_t& mean_bytes) {
  constexpr double kStreamBytes = 12;  // header, lanes, check
  coding::FitOptions options;
  options.zeros = {basis.zeros.begin(), basis.zeros.end()};
  options.levels = basis.levels;
  auto model = std::make_shared<const coding::CodeModel>(coding::CodeModel::fit(basis.codes, options));
  double bytes = 0;
  for (const auto& code : basis.codes) bytes += model->bits(code.as<uint8_t>()) / 8 + kStreamBytes;
  mean_bytes = static_cast<int64_t>(bytes / static_cast<double>(basis.codes.size()));
  return model;
}

std::string note(const CodedBasis& basis, const FitContext& context) {
  return std::to_string(basis.zeros.size()) + " of " + std::to_string(basis.dims) + " components, " + format_fixed(100 * basis.error_share, 1) +
         " % of the variance lost" + (context.gradients.empty() ? "" : ", weighted by what moves the answers") + "; fitted on " +
         counted(static_cast<int64_t>(context.samples.size()), "image");
}

class CodedKlt final : public TransferLayer {
 public:
  CodedKlt(std::string spec, int64_t stride, int64_t step_percent) : spec_(std::move(spec)), stride_(stride), step_percent_(step_percent) {}
  [[nodiscard]] std::string spec() const override { return spec_; }
  [[nodiscard]] bool needs_samples() const override { return true; }
  [[nodiscard]] Support supports(const ValueInfo& tensor) const override { return supports_patches(tensor, stride_); }

  [[nodiscard]] Codec fit(const FitContext& context) const override { return CodedKltRates(context, stride_, spec_).codec(step_percent_); }

 private:
  std::string spec_;
  int64_t stride_, step_percent_;
};

}  // namespace

CodedKltRates::CodedKltRates(const FitContext& context, int64_t stride, const std::string& name)
    : context_(context), where_("transfer '" + name + "' at '" + context.tensor.name + "'") {
  if (const auto support = supports_patches(context.tensor, stride); !support.ok) throw InvalidArgument("[" + where_ + "] " + support.reason);
  analysis_ = std::make_unique<const CodedAnalysis>(analyse({.grid = grid_of(context.tensor, stride),
                                                             .samples = context.samples,
                                                             .gradients = context.gradients,
                                                             .where = where_,
                                                             .keep_range = context.keep_range}));
}
CodedKltRates::~CodedKltRates() = default;

Codec CodedKltRates::codec(int64_t step_percent) const {
  const auto& grid = analysis_->grid;
  const auto basis = fit_coded_klt(*analysis_, static_cast<double>(step_percent) / 100, where_);
  Codec codec{encoder(context_, grid, basis), decoder(context_, grid, basis), 0, note(basis, context_), nullptr};
  codec.coder = fit_coder(basis, codec.code_bytes);
  codec.restores_range = basis.in_range;
  return codec;
}

std::unique_ptr<TransferLayer> make_coded_klt(const std::string& spec, int64_t stride, int64_t step_percent) {
  return std::make_unique<CodedKlt>(spec, stride, step_percent);
}

}  // namespace scissionlite::transfer
