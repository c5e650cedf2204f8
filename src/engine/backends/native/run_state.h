// Where each slot of a program lies in one caller's arena.
#pragma once

#include <span>

#include "engine/backends/native/program.h"
#include "kernels/conv/panels.h"

namespace scissionlite::native {

using Arena = std::shared_ptr<kernels::AlignedFloats>;

/// An arena of `bytes`. @throws ResourceError.
[[nodiscard]] Arena make_arena(int64_t bytes);

class RunState {
 public:
  RunState() = default;
  /// With an arena of its own.
  RunState(std::shared_ptr<const Program> program, int threads) : RunState(program, threads, make_arena(bytes_of(*program))) {}
  /// In an arena of at least bytes_of(*program), which others may use between runs: a program reads nothing that it has not written.
  RunState(std::shared_ptr<const Program> program, int threads, Arena arena);

  [[nodiscard]] static int64_t bytes_of(const Program& program) { return program.arena_bytes + program.scratch_bytes; }
  [[nodiscard]] const Program& program() const { return *program_; }
  /// Points the input slots at these tensors, which have to live as long as the run.
  void bind(std::span<const Tensor> inputs);
  [[nodiscard]] const Frame& frame() const { return frame_; }
  /// All steps on these inputs; outputs as below.
  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs);
  /// The i-th output: a view of the arena, or a copy of what is an input or a constant itself.
  [[nodiscard]] Tensor output(size_t i) const;

 private:
  [[nodiscard]] Slot::Place root_place(SlotId slot) const;
  [[nodiscard]] std::byte* place(SlotId slot, std::span<const Tensor> inputs) const;
  std::shared_ptr<const Program> program_;
  Arena arena_;
  Frame frame_;
  std::vector<SlotId> inputs_read_;  // slots that point into a run's inputs
};

}  // namespace scissionlite::native
