// From the nodes of a graph with known shapes to steps. A row of lowerings.inc turns one kind of node into steps, or declines; what
// every row declines runs by the reference code.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/memory.h"
#include "engine/backends/native/program.h"
#include "kernels/conv/conv.h"
#include "tune/choices.h"

namespace scissionlite::native {

/// What was chosen for something, and why: "estimated at 1.2 million cycles, ...".
struct Decision {
  std::string implementation;
  kernels::Knobs knobs;
  std::string reason;
};
/// By what it was chosen for: "convolution at VALUE", "chain at VALUE", "kernel at VALUE", "form at VALUE", VALUE being the first output
/// (noted_choices.cc).
using Decisions = std::map<std::string, Decision>;

/// What a lowering took from its graph, so that another one can do the same without choosing, folding or packing: what a compiled
/// model (stored.h) keeps.
struct Lowered {
  Decisions decisions;
  std::map<std::string, Tensor> read;             // constants whose values were read as they are
  std::map<std::string, std::string> identities;  // of the other constants, which were read by packing alone
  std::set<std::string> folded;                   // first outputs of nodes that are constants
  std::map<std::string, ValueInfo> constants;     // types of all
};

struct LoweringOptions {
  const kernels::VectorLoops* loops = nullptr;
  int threads = 1;
  kernels::Precision precision = kernels::Precision::kF32;  // that steps may have
  const tune::Choices* tuned = nullptr;                     // null: the usual choices
  bool explains = false;                                    // steps say why they are done as they are
  kernels::WeightStore* store = nullptr;                    // keeps packed weights; null: each step its own
  Lowered* note = nullptr;                                  // gets what was done
  const Lowered* repeat = nullptr;                          // do that again: its decisions and identities
};

struct ByteConv;
struct Choice;
struct GraphSelection;

/// @param graph  every shape known (see specialise in compilation.cc); its weights are let go as they are packed.
/// @throws Unsupported naming the node whose operator has no code at all.
[[nodiscard]] Program lower(Graph graph, const LoweringOptions& options);

/// What a lowering builds with.
class Lowering {
 public:
  Lowering(Program& program, const LoweringOptions& options);

  [[nodiscard]] const kernels::VectorLoops& loops() const { return *options_.loops; }
  [[nodiscard]] int64_t lanes() const { return options_.loops->lanes; }
  [[nodiscard]] int threads() const { return options_.threads; }
  [[nodiscard]] kernels::Precision precision() const { return options_.precision; }
  /// How to compute it: as selected for the node, else as tuned, else the usual way.
  [[nodiscard]] kernels::ConvChoice choose(const Node& node, const tune::ConvWithEnd& conv) const;
  /// What was selected for the node; null before anything was.
  [[nodiscard]] const Choice* choice_of(const Node& node) const;
  /// The selection is referred to.
  void use(const GraphSelection& selection);
  [[nodiscard]] const LoweringOptions& options() const { return options_; }
  /// The usual choices from here on, whatever was tuned.
  void forget_tuning() { options_.tuned = nullptr; }
  /// As it was decided when the model was compiled; null where it was not, or nothing was compiled.
  [[nodiscard]] const Decision* decided(const std::string& subject) const;
  [[nodiscard]] bool repeats() const { return options_.repeat != nullptr; }
  [[nodiscard]] bool notes() const { return options_.note != nullptr; }
  void note(const std::string& subject, const Decision& decision) { options_.note->decisions[subject] = decision; }
  void note_folded(const Node& node);
  /// Which constants' values are wanted again. Called once, after nodes are lowered.
  void note_weights();
  [[nodiscard]] const Graph& graph() const { return *program_.graph; }
  [[nodiscard]] int64_t opset(const Node& node) const { return graph().opset(node.domain); }

  /// Type of a value; values of this graph have known shapes.
  [[nodiscard]] ValueInfo info(const std::string& value) const;
  /// The value, when it is known now; else an empty Tensor.
  [[nodiscard]] Tensor constant(const std::string& value) const;
  /// Those of the node's inputs, one each.
  [[nodiscard]] std::vector<Tensor> constants_of(const Node& node) const;
  [[nodiscard]] bool is_constant(const std::string& value) const;
  /// Whether it is known now, or depends on such values only: nodes without other inputs are computed while lowering.
  [[nodiscard]] bool will_be_constant(const std::string& value) const;
  /// Whether it only computes constants: no part of what runs.
  [[nodiscard]] bool will_be_constant(const Node& node) const;
  /// A constant whose values are read by packing only, through `weight_source`; in a compiled model it has a type and no data.
  [[nodiscard]] Tensor weights(const std::string& value) const;
  [[nodiscard]] kernels::WeightSource weight_source(const std::string& value);
  /// Whether weights that are known, (outputs, inputs, ...) or transposed (inputs, outputs), are 2:4 sparse along four inputs or more, at each
  /// place of a kernel by itself. False in a compiled model, which repeats what was decided. Reads them once.
  [[nodiscard]] bool is_two_four(const std::string& value, bool is_transposed) const;
  [[nodiscard]] bool is_f32_image(const std::string& value) const;   // float32 of rank 4
  [[nodiscard]] bool is_byte_image(const std::string& value) const;  // u8 or s8 of rank 4
  /// Whether the value lies in a blocked slot, or could without a conversion.
  [[nodiscard]] bool is_blocked(const std::string& value) const;
  /// Whether it lies in a plain slot.
  [[nodiscard]] bool is_plain(const std::string& value) const;

  /// A slot of the value in that layout; a conversion is added where there is none yet.
  [[nodiscard]] SlotId plain(const std::string& value);
  [[nodiscard]] SlotId blocked(const std::string& value);
  [[nodiscard]] SlotId channels_last(const std::string& value);
  [[nodiscard]] SlotId planes(const std::string& value);
  /// Whether it lies in planes.
  [[nodiscard]] bool has_planes(const std::string& value) const;
  /// The slot that a step writes the value to: a part of a concatenation's where that saves a copy.
  [[nodiscard]] SlotId make(const std::string& value, Layout layout);
  /// The value is the memory of another slot, with another shape.
  void alias(const std::string& value, SlotId of, Layout layout);
  /// Where each channel of an image comes from: a value with a slot, and its channel.
  struct Source {
    std::string value;
    int64_t channel = 0;
  };
  using View = std::vector<Source>;
  [[nodiscard]] View view(const std::string& value);
  /// The image is a choice of other images' channels; it is gathered when something reads it that needs it in one piece.
  void set_view(const std::string& value, View view) { views_[value] = std::move(view); }
  /// The image is those images, one after the other along channels.
  void set_joined_view(const std::string& value, const std::vector<std::string>& parts);
  void make_constant(const std::string& value, Tensor tensor);
  /// That the slot holds, unused lanes included.
  [[nodiscard]] int64_t floats_of(SlotId slot) const { return program_.slots[static_cast<size_t>(slot)].bytes / static_cast<int64_t>(sizeof(float)); }
  void add(Step step);
  /// Writes why beside the last step, which computes the choice, when there are more than `before` steps.
  void explain(const Choice& choice, size_t before);

  [[nodiscard]] const Program& program() const { return program_; }

  /// What a convolution of bytes asks for; null where it is none. The node before it may ask as well: weights are read once, and kept until the node
  /// is lowered.
  [[nodiscard]] std::shared_ptr<const ByteConv> byte_conv(const Node& node) const;
  void forget_byte_conv(const Node& node) { byte_convs_.erase(&node); }
  /// The node that makes the value; null for inputs and constants.
  [[nodiscard]] const Node* producer(const std::string& value) const;
  /// The nodes that read it, each once.
  [[nodiscard]] const std::vector<const Node*>& readers(const std::string& value) const;
  [[nodiscard]] bool is_output(const std::string& value) const;
  /// The least and the largest code that a ByteTable makes; nothing for other values. Known after its table was let go, too.
  [[nodiscard]] std::optional<std::pair<int32_t, int32_t>> table_range(const std::string& value) const;
  /// The node that makes the value, when exactly one node reads it and it is no output of the graph.
  [[nodiscard]] std::optional<size_t> only_producer(const std::string& value) const;

  /// Lets go of the constants that no node after this one reads.
  void release_constants(const Node& node);

  /// Decides which values lie in a concatenation from the beginning. Called once, before nodes are lowered.
  void plan_concatenations();
  /// Whether the value lies in that concatenation when it is made blocked.
  [[nodiscard]] bool is_part_of(const std::string& value, const std::string& whole) const;
  /// Whether blocked slot `part` lies in blocked slot `whole` from that channel on.
  [[nodiscard]] bool is_in_place(SlotId part, SlotId whole, int64_t channel) const;

 private:
  struct Part {
    std::string whole;
    int64_t channel = 0;
  };
  void note_table_range(const Node& node);
  void plan_concatenation(const Node& node, const std::set<std::string>& fixed);
  [[nodiscard]] bool can_be_part(const std::string& value, const std::set<std::string>& fixed) const;
  struct Places {
    SlotId plain = kNoSlot, blocked = kNoSlot, channels_last = kNoSlot, planes = kNoSlot;
    SlotId& in(Layout layout) {
      SlotId* const by_layout[] = {&plain, &blocked, &channels_last, &planes};
      return *by_layout[static_cast<size_t>(layout)];
    }
  };
  [[nodiscard]] SlotId new_slot(const std::string& value, Layout layout);
  [[nodiscard]] SlotId make_part(const std::string& value, const Part& part);
  [[nodiscard]] Tensor find_constant(const std::string& value) const;
  /// Notes who asked for anything packed.
  class WatchedStore final : public kernels::WeightStore {
   public:
    explicit WatchedStore(kernels::WeightStore* store) : store_(store) {}
    [[nodiscard]] kernels::PackedBytes get(const std::string& key, int64_t bytes, const std::function<void(std::byte*)>& fill) override;
    [[nodiscard]] bool was_asked(const std::string& identity) const { return asked_.count(identity) > 0; }

   private:
    kernels::WeightStore* store_;
    std::set<std::string> asked_;
  };
  Program& program_;
  LoweringOptions options_;
  WatchedStore store_;
  std::map<std::string, std::pair<std::string, Tensor>> sources_;  // identity and values by name, while noting
  std::map<std::string, Places> places_;
  void gather(const std::string& value);
  void gather_floats(const std::string& value);
  void gather_bytes(const std::string& value);
  std::map<std::string, View> views_;
  std::map<std::string, Tensor> constants_;
  std::map<std::string, ValueInfo> released_;  // types of constants that were let go
  std::map<std::string, Part> parts_;
  std::unordered_map<std::string, size_t> producers_;
  std::map<std::string, std::vector<const Node*>> reader_nodes_;
  mutable std::map<const Node*, std::shared_ptr<const ByteConv>> byte_convs_;
  std::map<std::string, std::pair<int32_t, int32_t>> table_ranges_;  // by value that the table makes
  std::map<std::string, int> readers_;                               // of each value, the caller of the graph included
  std::vector<const Choice*> chosen_;                                // by node
  mutable std::map<std::string, bool> will_be_constant_;
  mutable std::map<std::pair<std::string, bool>, bool> two_four_;  // by value and is_transposed
  FreedMemory freed_{int64_t{4} << 20};                            // weights that were let go: the heap would keep them between the packed ones
};

/// Adds the steps of a node; false: it cannot, and nothing was added.
using Lower = bool (*)(Lowering&, const Node&);

}  // namespace scissionlite::native
