#include "engine/backends/native/memory_plan.h"

#include <algorithm>

namespace scissionlite::native {
namespace {

constexpr int64_t kAlignment = 64;
int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

struct Block {
  SlotId slot = kNoSlot;
  int first = -1, last = -1;  // steps between which it lives
  int64_t bytes = 0, offset = -1;
  [[nodiscard]] bool overlaps(const Block& other) const { return first <= other.last && other.first <= last; }
};

SlotId root_of(const Program& program, SlotId slot) {
  while (program.slots[static_cast<size_t>(slot)].root != kNoSlot) slot = program.slots[static_cast<size_t>(slot)].root;
  return slot;
}

std::vector<Block> blocks_of(const Program& program) {
  std::vector<Block> blocks(program.slots.size());
  const auto touch = [&](SlotId slot, int step) {
    auto& block = blocks[static_cast<size_t>(root_of(program, slot))];
    block.first = block.first < 0 ? step : std::min(block.first, step);
    block.last = std::max(block.last, step);
  };
  const auto steps = static_cast<int>(program.steps.size());
  for (int i = 0; i < steps; ++i) {
    for (const auto slot : program.steps[static_cast<size_t>(i)].inputs) touch(slot, i);
    for (const auto slot : program.steps[static_cast<size_t>(i)].outputs) touch(slot, i);
  }
  for (const auto slot : program.outputs) touch(slot, steps);
  std::vector<Block> used;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto& slot = program.slots[i];
    if (blocks[i].first < 0 || slot.place != Slot::Place::kArena) continue;
    blocks[i].slot = static_cast<SlotId>(i);
    blocks[i].bytes = aligned(slot.bytes);
    used.push_back(blocks[i]);
  }
  return used;
}

/// The lowest offset at which `block` meets none of `placed` that live at the same time.
int64_t lowest_offset(const Block& block, std::vector<Block> placed) {
  std::erase_if(placed, [&](const Block& other) { return !block.overlaps(other); });
  std::sort(placed.begin(), placed.end(), [](const Block& a, const Block& b) { return a.offset < b.offset; });
  int64_t offset = 0;
  for (const auto& other : placed) {
    if (offset + block.bytes <= other.offset) break;
    offset = std::max(offset, other.offset + other.bytes);
  }
  return offset;
}

}  // namespace

void plan_memory(Program& program) {
  auto blocks = blocks_of(program);
  std::stable_sort(blocks.begin(), blocks.end(), [](const Block& a, const Block& b) { return a.bytes > b.bytes; });
  std::vector<Block> placed;
  program.arena_bytes = program.values_bytes = program.scratch_bytes = 0;
  for (auto& block : blocks) {
    block.offset = lowest_offset(block, placed);
    program.slots[static_cast<size_t>(block.slot)].offset = block.offset;
    program.arena_bytes = std::max(program.arena_bytes, block.offset + block.bytes);
    program.values_bytes += block.bytes;
    placed.push_back(block);
  }
  for (const auto& step : program.steps) program.scratch_bytes = std::max(program.scratch_bytes, aligned(step.scratch_bytes));
}

}  // namespace scissionlite::native
