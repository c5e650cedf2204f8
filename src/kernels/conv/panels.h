// Weights of a convolution cut into panels of output vectors, as the panel loop reads them.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/conv/conv.h"

namespace scissionlite::kernels {

[[nodiscard]] inline int64_t round_up(int64_t value, int64_t to) { return (value + to - 1) / to * to; }
[[nodiscard]] inline int64_t blocks_of(int64_t channels, int64_t lanes) { return (channels + lanes - 1) / lanes; }

/// 64-byte aligned, zeroed floats.
class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(int64_t size);
  [[nodiscard]] float* data() { return data_.get(); }
  [[nodiscard]] const float* data() const { return data_.get(); }
  [[nodiscard]] int64_t size() const { return size_; }

 private:
  struct Free {
    void operator()(float* p) const;
  };
  std::unique_ptr<float, Free> data_;
  int64_t size_ = 0;
};

/// Output blocks [first, first + vectors) and where their weights begin.
struct Panel {
  int64_t first = 0;
  int vectors = 0;
  int64_t weights_at = 0;  // floats
  int64_t steps_at = 0, steps = 0;
};

/// Blocks of outputs in panels of `vectors`, the last one narrower.
[[nodiscard]] std::vector<Panel> cut_panels(int64_t blocks, int vectors);

/// Items of a chunk when all are about equal and none has more than `most`.
[[nodiscard]] inline int64_t equal_chunk(int64_t items, int64_t most) {
  const int64_t chunks = (items + most - 1) / most;
  return (items + chunks - 1) / chunks;
}

/// Tells a product that the last `short_steps` steps of all `steps` hold `channels` modulo lanes values only; the product takes steps up to `end`.
inline void set_short_steps(PanelArguments& a, int64_t channels, int64_t lanes, int64_t steps, int64_t short_steps, int64_t end) {
  a.short_inputs = static_cast<int>(channels % lanes);
  a.short_steps = a.short_inputs == 0 ? 0 : std::clamp<int64_t>(end - (steps - short_steps), 0, a.steps);
}

/// Bias padded with zeros to whole blocks; empty for null.
[[nodiscard]] AlignedFloats padded_bias(const float* bias, int64_t channels, int64_t lanes);

/// Bytes of this machine's L2, of one core.
[[nodiscard]] int64_t l2_bytes();
/// Bytes a cycle that come from beyond L2: what streams of weights are bound by.
constexpr double kBytesPerCycle = 4;

/// Values of a knob that is the vectors of a panel, where each does something else.
[[nodiscard]] std::vector<int64_t> panel_vectors_values(int64_t blocks);
/// Values of a knob that bounds the pixels of a register tile.
[[nodiscard]] std::vector<int64_t> panel_pixels_values(const VectorLoops& loops);
/// Register tiles of at most `most` pixels that a run of `pixels` is cut into: of the wide panels, and 1000 times those of the last,
/// narrower one. Numbers that tell settings apart, no costs.
[[nodiscard]] int64_t panel_tiles(int64_t blocks, int64_t vectors, int64_t most, int64_t pixels, const VectorLoops& loops);

/// Estimated cycles of one input value for all outputs: tiles of P pixels x Q vectors cost the most of their multiply-adds (two
/// a cycle), their loads (two a cycle) and the latency of a chain of multiply-adds (four cycles).
[[nodiscard]] double panel_cycles(int64_t blocks, int vectors, int64_t pixels, const VectorLoops& loops);
/// The number of vectors with the least of it for runs of `pixels`.
[[nodiscard]] int best_vectors(int64_t blocks, int64_t pixels, const VectorLoops& loops);

}  // namespace scissionlite::kernels
