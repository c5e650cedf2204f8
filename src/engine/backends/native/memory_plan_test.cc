#include "engine/backends/native/memory_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

namespace scissionlite::native {
namespace {

/// Steps that each read some earlier slots and write a new one; some slots lie inside the one before.
Program random_program() {
  Program program;
  const int count = *rc::gen::inRange(2, 30);
  for (int i = 0; i < count; ++i) {
    Slot slot;
    slot.bytes = *rc::gen::inRange<int64_t>(1, 5000);
    if (i > 0 && *rc::gen::inRange(0, 6) == 0) {
      slot.root = *rc::gen::inRange(0, i);
      slot.bytes = 1;
    }
    program.slots.push_back(slot);
    Step step;
    step.outputs = {i};
    for (int k = 0; i > 0 && k < 2; ++k) step.inputs.push_back(*rc::gen::inRange(0, i));
    step.scratch_bytes = *rc::gen::inRange<int64_t>(0, 300);
    program.steps.push_back(step);
  }
  program.outputs = {count - 1, *rc::gen::inRange(0, count)};
  return program;
}

SlotId root_of(const Program& program, SlotId slot) {
  while (program.slots[static_cast<size_t>(slot)].root != kNoSlot) slot = program.slots[static_cast<size_t>(slot)].root;
  return slot;
}

/// Roots that a later step (or the caller) still reads when step i runs, its own included.
std::set<SlotId> live_at(const Program& program, size_t i) {
  std::set<SlotId> written, live;
  for (size_t k = 0; k <= i; ++k)
    for (const auto slot : program.steps[k].outputs) written.insert(root_of(program, slot));
  const auto add = [&](SlotId slot) {
    if (written.count(root_of(program, slot))) live.insert(root_of(program, slot));
  };
  for (size_t k = i; k < program.steps.size(); ++k)
    for (const auto slot : program.steps[k].inputs) add(slot);
  for (const auto slot : program.steps[i].outputs) add(slot);
  for (const auto slot : program.outputs) add(slot);
  return live;
}

TEST(MemoryPlan, SlotsThatLiveAtOneTimeNeverMeet) {
  EXPECT_TRUE(rc::check("no two live slots share a byte, and nothing lies outside", [] {
    auto program = random_program();
    plan_memory(program);
    int64_t most_live = 0;
    for (size_t i = 0; i < program.steps.size(); ++i) {
      const auto live = live_at(program, i);
      int64_t sum = 0;
      for (const auto a : live) {
        const auto& first = program.slots[static_cast<size_t>(a)];
        RC_ASSERT(first.offset >= 0 && first.offset % 64 == 0 && first.offset + first.bytes <= program.arena_bytes);
        sum += first.bytes;
        for (const auto b : live) {
          const auto& second = program.slots[static_cast<size_t>(b)];
          RC_ASSERT(a == b || first.offset + first.bytes <= second.offset || second.offset + second.bytes <= first.offset);
        }
      }
      most_live = std::max(most_live, sum);
      RC_ASSERT(program.steps[i].scratch_bytes <= program.scratch_bytes);
    }
    RC_ASSERT(program.arena_bytes >= most_live);
    RC_ASSERT(program.arena_bytes <= program.values_bytes);
  }));
}

TEST(MemoryPlan, AChainNeedsTwoBuffers) {
  Program program;
  for (int i = 0; i < 10; ++i) {
    program.slots.push_back({.value = "", .dtype = Dtype::kF32, .shape = {}, .layout = Layout::kPlain, .bytes = 1024, .constant = {}});
    Step step;
    step.outputs = {i};
    if (i > 0) step.inputs = {i - 1};
    program.steps.push_back(step);
  }
  program.outputs = {9};
  plan_memory(program);
  EXPECT_EQ(program.arena_bytes, 2048);
  EXPECT_EQ(program.values_bytes, 10 * 1024);
}

}  // namespace
}  // namespace scissionlite::native
