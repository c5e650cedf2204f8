// The memory of one caller: an arena, and where each slot of a program lies in it.
#pragma once

#include <span>

#include "engine/backends/native/program.h"
#include "kernels/conv/panels.h"

namespace scissionlite::native {

class RunState {
 public:
  RunState() = default;
  RunState(std::shared_ptr<const Program> program, int threads);

  [[nodiscard]] const Program& program() const { return *program_; }
  /// Points the input slots at these tensors, which have to live as long as the run.
  void bind(std::span<const Tensor> inputs);
  [[nodiscard]] const Frame& frame() const { return frame_; }
  /// The i-th output: a view of the arena, or a copy of what is an input or a constant itself.
  [[nodiscard]] Tensor output(size_t i) const;

 private:
  [[nodiscard]] Slot::Place root_place(SlotId slot) const;
  [[nodiscard]] std::byte* place(SlotId slot, std::span<const Tensor> inputs) const;
  std::shared_ptr<const Program> program_;
  std::shared_ptr<kernels::AlignedFloats> arena_;
  Frame frame_;
  std::vector<SlotId> inputs_read_;  // slots that point into a run's inputs
};

}  // namespace scissionlite::native
