#include "transfer/refine.h"

#include <cmath>

#include "base/rng.h"
#include "graph/slice.h"
#include "transfer/families.h"
#include "transfer/klt_graphs.h"

namespace scissionlite::transfer {
namespace {

constexpr int64_t kSide = 3;  // of both convolutions

/// (out, in, 3, 3), normal with the spread that keeps variances through a Relu; zeros where `rng` is null.
/// Source of the spread: He et al., Delving Deep into Rectifiers, 2015.
Tensor weights(int64_t out, int64_t in, Rng* rng) {
  Tensor tensor(Dtype::kF32, {out, in, kSide, kSide});
  const double spread = std::sqrt(2.0 / static_cast<double>(in * kSide * kSide));
  for (auto& value : tensor.mutable_as<float>()) value = rng ? static_cast<float>(spread * rng->normal()) : 0.0F;
  return tensor;
}

Tensor zeros(int64_t count) {
  const std::vector<float> values(static_cast<size_t>(count), 0.0F);
  return Tensor::of<float>({count}, values);
}

Graph refinement(const FitContext& context, bool restores_range, int64_t hidden, uint64_t seed) {
  const auto& tensor = context.tensor;
  const auto grid = grid_of(tensor, 1);
  Rng rng(seed);
  GraphBuilder build("refine", context.opsets, context.ir_version);
  auto x = build.input("restored", tensor.dtype, batched(tensor));
  if (tensor.dtype != Dtype::kF32) x = build.cast(x, Dtype::kF32);
  const std::vector<int64_t> pads{1, 1, 1, 1};
  const auto inner =
      build.relu(build.node("Conv", {x, build.constant(weights(hidden, grid.channels, &rng)), build.constant(zeros(hidden))}, {{"pads", pads}}));
  const auto more =
      build.node("Conv", {inner, build.constant(weights(grid.channels, hidden, nullptr)), build.constant(zeros(grid.channels))}, {{"pads", pads}});
  auto y = build.add(x, more);
  if (restores_range) {
    const auto where = "conv at '" + tensor.name + "'";
    const auto [low, high] = value_range(checked_samples(grid, context.samples, where), where);
    y = restore_range(build, low, high, y);
  }
  if (tensor.dtype != Dtype::kF32) y = build.cast(y, tensor.dtype);
  build.output(y, "x", tensor.dtype, batched(tensor));
  return build.build();
}

}  // namespace

Codec with_refinement(const Codec& codec, const FitContext& context, int64_t hidden, uint64_t seed) {
  if (context.samples.empty()) throw InvalidArgument("[transfer 'conv' at '" + context.tensor.name + "'] needs activations of images, got none");
  Codec out = codec;
  Graph decoder = codec.decoder;
  rename_value(decoder, "x", "restored");
  out.decoder = join(decoder, refinement(context, codec.restores_range, hidden, seed));
  out.decoder.check();
  out.note += "; " + std::to_string(hidden) + " channels of refinement";
  return out;
}

}  // namespace scissionlite::transfer
