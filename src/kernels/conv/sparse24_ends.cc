#include "kernels/conv/sparse24_ends.h"

#include <cstring>
#include <limits>

namespace scissionlite::kernels {
namespace {

constexpr int64_t kLanes = ProductCode::kLanes;

void copy_pixels(const float* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) std::memcpy(to + i * kLanes, from + i * kLanes, kLanes * sizeof(float));
}

/// While the code of the next tile runs.
void fetch_to_write(float* y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) __builtin_prefetch(y + i * kLanes, 1);
}

/// Relu and Clip are done by the code itself.
bool is_bound(const ActivationArguments& f) { return f.kind == ActivationKind::kRelu || f.kind == ActivationKind::kClip; }

}  // namespace

ProductEnd product_end(const ConvEnd& end) {
  const auto& f = end.activation;
  return {end.has_residual, is_bound(f), f.kind == ActivationKind::kClip ? f.alpha : 0,
          f.kind == ActivationKind::kClip ? f.beta : std::numeric_limits<float>::infinity()};
}

void TileEnds::next(const float* sums, const Block& block, std::span<const OutputRun> runs) {
  store();
  block_ = block;
  runs_ = runs;
  if (runs_.empty()) return clear();
  const bool is_whole = runs_[0].count == kLanes;
  tile_ = {sums, is_whole ? block.y + runs_[0].pixel * kLanes : y_, residual_};
  for (const auto& run : runs_)
    if (!is_whole) fetch_to_write(block.y + run.pixel * kLanes, run.count);
  if (!block.residual) return;
  if (is_whole) tile_.residual = block.residual + runs_[0].pixel * kLanes;
  else
    for (const auto& run : runs_) copy_pixels(block.residual + run.pixel * kLanes, run.count, residual_ + run.place * kLanes);
}

void TileEnds::store() const {
  const bool is_activated = end_.activation.kind != ActivationKind::kNone && !is_bound(end_.activation);
  for (const auto& run : runs_) {
    float* const y = block_.y + run.pixel * kLanes;
    if (tile_.y == y_) copy_pixels(y_ + run.place * kLanes, run.count, y);
    if (is_activated) loops_.activate(y, y, run.count * kLanes, end_.activation);
  }
}

void TileEnds::finish() {
  if (!runs_.empty()) code_.finish(tile_);
  store();
  clear();
}

}  // namespace scissionlite::kernels
