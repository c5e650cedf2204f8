// A model as the native backend runs it: steps over slots of one arena. Immutable once built; a Frame holds what a run changes.
//
// What lives here: slots, steps, the program (this file); from nodes to steps (lowering.h and the table lowerings.inc); where
// slots lie (memory_plan.h); the backend (native.cc). Start with lowering.h.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "kernels/precision.h"

namespace scissionlite::native {

/// kBlocked: f32 (n, c, h, w) stored as (n, blocks, h, w, lanes); see kernels/vector/arguments.h. kChannelsLast: bytes (n, c, h, w)
/// stored as (n, h, w, c); see kernels/int8/arguments.h. kPlanes: bytes of few bits as bit planes, channels last; see kernels/lowbit/arguments.h.
enum class Layout { kPlain, kBlocked, kChannelsLast, kPlanes };

using SlotId = int;
constexpr SlotId kNoSlot = -1;

/// A value in one layout.
struct Slot {
  enum class Place { kArena, kInput, kConstant };
  std::string value;
  Dtype dtype = Dtype::kUndefined;
  Shape shape;
  Layout layout = Layout::kPlain;
  int plane_bits = 0;  // of kPlanes
  int64_t bytes = 0;
  Place place = Place::kArena;
  int input = -1;         // of kInput: which one
  Tensor constant;        // of kConstant
  SlotId root = kNoSlot;  // lies inside that slot, `offset` bytes from its begin
  int64_t offset = 0;     // in the root, else in the arena
};

/// Pointers of one run.
struct Frame {
  std::vector<std::byte*> slots;
  std::byte* scratch = nullptr;
  int threads = 1;
  [[nodiscard]] float* floats(SlotId slot) const { return reinterpret_cast<float*>(slots[static_cast<size_t>(slot)]); }
  [[nodiscard]] uint8_t* bytes(SlotId slot) const { return reinterpret_cast<uint8_t*>(slots[static_cast<size_t>(slot)]); }
};

struct Step {
  std::string node;            // label, for reports and errors
  std::string implementation;  // "winograd m=4", "reference"
  std::vector<SlotId> inputs, outputs;
  int64_t scratch_bytes = 0;
  int64_t macs = 0;
  std::function<void(const Frame&)> run;
  // Why it is done so (graph_choices.h); filled in when asked for.
  std::string reason = {};                                  // in words
  double predicted_us = 0;                                  // 0: there was nothing to choose
  bool is_measured = false;                                 // the prediction was tuned, not estimated
  std::string instead = "";                                 // the best other way; empty: none
  double instead_us = 0;                                    // that it would cost more in all
  kernels::Precision precision = kernels::Precision::kF32;  // of what it multiplies
};

struct Program {
  std::shared_ptr<Graph> graph;  // while lowering
  std::vector<Slot> slots;
  std::vector<Step> steps;
  std::vector<SlotId> inputs, outputs;
  int64_t arena_bytes = 0, scratch_bytes = 0;
  int64_t values_bytes = 0;  // what the arena's slots would take without reuse
  /// bf16 where any step multiplies it.
  [[nodiscard]] kernels::Precision precision() const;
};

}  // namespace scissionlite::native
