#include "engine/backends/native/run_state.h"

namespace scissionlite::native {

Arena make_arena(int64_t bytes) { return std::make_shared<kernels::AlignedFloats>(bytes / static_cast<int64_t>(sizeof(float))); }

RunState::RunState(std::shared_ptr<const Program> program, int threads, Arena arena) : program_(std::move(program)), arena_(std::move(arena)) {
  frame_.threads = threads;
  frame_.slots.assign(program_->slots.size(), nullptr);
  frame_.scratch = reinterpret_cast<std::byte*>(arena_->data()) + program_->arena_bytes;
  for (size_t i = 0; i < program_->slots.size(); ++i) {
    const auto slot = static_cast<SlotId>(i);
    if (root_place(slot) == Slot::Place::kInput) inputs_read_.push_back(slot);
    else frame_.slots[i] = place(slot, {});
  }
}

void RunState::bind(std::span<const Tensor> inputs) {
  for (const auto slot : inputs_read_) frame_.slots[static_cast<size_t>(slot)] = place(slot, inputs);
}

std::vector<Tensor> RunState::run(std::span<const Tensor> inputs) {
  bind(inputs);
  for (const auto& step : program_->steps) step.run(frame_);
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < program_->outputs.size(); ++i) outputs.push_back(output(i));
  return outputs;
}

Slot::Place RunState::root_place(SlotId slot) const {
  const auto& s = program_->slots[static_cast<size_t>(slot)];
  return s.root == kNoSlot ? s.place : root_place(s.root);
}

std::byte* RunState::place(SlotId slot, std::span<const Tensor> inputs) const {
  const auto& s = program_->slots[static_cast<size_t>(slot)];
  if (s.root != kNoSlot) return place(s.root, inputs) + s.offset;
  if (s.place == Slot::Place::kInput) return const_cast<std::byte*>(inputs[static_cast<size_t>(s.input)].data());
  if (s.place == Slot::Place::kConstant) return const_cast<std::byte*>(s.constant.data());
  return reinterpret_cast<std::byte*>(arena_->data()) + s.offset;
}

Tensor RunState::output(size_t i) const {
  const auto slot = program_->outputs[i];
  const auto& s = program_->slots[static_cast<size_t>(slot)];
  Tensor view(s.dtype, s.shape, arena_, frame_.slots[static_cast<size_t>(slot)]);
  return root_place(slot) == Slot::Place::kArena ? view : view.clone();
}

}  // namespace scissionlite::native
