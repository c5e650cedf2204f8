#include "engine/backends/native/lowering/lowering.h"

#include <algorithm>
#include <cstring>

#include "engine/backends/native/choosing/graph_choices.h"
#include "engine/backends/native/lowering/conv_stage.h"
#include "engine/backends/native/lowering/int8_product.h"
#include "engine/backends/native/lowering/lower.h"
#include "engine/backends/native/lowering/lower_planes.h"
#include "engine/backends/native/memory_plan.h"
#include "kernels/conv/panels.h"
#include "kernels/layout.h"
#include "kernels/parallel.h"
#include "ops/ops.h"

namespace scissionlite::native {

#define SCISSIONLITE_LOWERING(domain, type, function) bool function(Lowering&, const Node&);
#include "engine/backends/native/lowering/lowerings.inc"
#undef SCISSIONLITE_LOWERING

namespace {

struct Row {
  const char* domain;
  const char* type;
  Lower lower;
};
constexpr Row kRows[] = {
#define SCISSIONLITE_LOWERING(domain, type, function) {domain, type, function},
#include "engine/backends/native/lowering/lowerings.inc"
#undef SCISSIONLITE_LOWERING
};

int64_t slot_bytes(const Slot& slot, int64_t lanes) {
  if (slot.layout == Layout::kPlanes) return slot.shape[0] * slot.shape[2] * slot.shape[3] * slot.plane_bits * ((slot.shape[1] + 7) / 8);
  if (slot.layout != Layout::kBlocked) return element_count(slot.shape) * static_cast<int64_t>(dtype_size(slot.dtype));
  return slot.shape[0] * kernels::round_up(slot.shape[1], lanes) * slot.shape[2] * slot.shape[3] * static_cast<int64_t>(sizeof(float));
}

bool is_one_pixel(const Shape& shape) { return shape[2] == 1 && shape[3] == 1; }

}  // namespace

Lowering::Lowering(Program& program, const LoweringOptions& options)
    : program_(program), options_(options), store_(options.store), producers_(program.graph->producers()) {
  if (options_.note)
    for (const auto& [name, tensor] : graph().initializers) options_.note->constants[name] = info(name);
  for (const auto& node : graph().nodes)
    for (const auto& input : node.inputs) {
      ++readers_[input];
      auto& nodes = reader_nodes_[input];
      if (nodes.empty() || nodes.back() != &node) nodes.push_back(&node);
    }
  for (const auto& output : graph().outputs) ++readers_[output.name];
  for (const auto& node : graph().nodes) note_table_range(node);
  for (const auto& input : graph().inputs) {
    const auto slot = new_slot(input.name, Layout::kPlain);
    program_.slots.back().place = Slot::Place::kInput;
    program_.slots.back().input = static_cast<int>(program_.inputs.size());
    program_.inputs.push_back(slot);
    places_[input.name].plain = slot;
  }
}

ValueInfo Lowering::info(const std::string& value) const {
  if (const auto it = constants_.find(value); it != constants_.end()) return {value, it->second.dtype(), it->second.shape(), /*has_shape=*/true, {}};
  if (const auto it = released_.find(value); it != released_.end()) return it->second;
  return graph().find_value(value).value_or(ValueInfo{});
}

bool Lowering::will_be_constant(const std::string& value) const {
  if (is_constant(value) || released_.count(value)) return true;
  const auto producer = producers_.find(value);
  if (producer == producers_.end()) return false;
  if (const auto known = will_be_constant_.find(value); known != will_be_constant_.end()) return known->second;
  const auto& inputs = graph().nodes[producer->second].inputs;
  return will_be_constant_[value] =
             std::all_of(inputs.begin(), inputs.end(), [&](const std::string& input) { return input.empty() || will_be_constant(input); });
}

bool Lowering::will_be_constant(const Node& node) const {
  return std::all_of(node.outputs.begin(), node.outputs.end(), [&](const std::string& value) { return value.empty() || will_be_constant(value); });
}

void Lowering::release_constants(const Node& node) {
  for (const auto& input : node.inputs)
    if (--readers_[input] == 0 && is_constant(input)) {
      released_[input] = info(input);
      const auto bytes = static_cast<int64_t>(find_constant(input).size_bytes());
      program_.graph->initializers.erase(input);
      constants_.erase(input);
      freed_.add(bytes);
    }
}

const Node* Lowering::producer(const std::string& value) const {
  const auto it = producers_.find(value);
  return it == producers_.end() ? nullptr : &graph().nodes[it->second];
}

void Lowering::note_table_range(const Node& node) {
  if (node.domain != ops::kFusedDomain || node.op_type != "ByteTable" || node.inputs.size() != 2) return;
  const auto table = find_constant(node.inputs[1]);
  if (table.size() != 256) return;
  const auto codes = table.to_i64();
  const auto [least, most] = std::minmax_element(codes.begin(), codes.end());
  table_ranges_[node.outputs[0]] = {static_cast<int32_t>(*least), static_cast<int32_t>(*most)};
}

std::optional<std::pair<int32_t, int32_t>> Lowering::table_range(const std::string& value) const {
  const auto it = table_ranges_.find(value);
  return it == table_ranges_.end() ? std::nullopt : std::optional(it->second);
}

std::shared_ptr<const ByteConv> Lowering::byte_conv(const Node& node) const {
  auto it = byte_convs_.find(&node);
  if (it == byte_convs_.end()) it = byte_convs_.emplace(&node, window_of_bytes(*this, node)).first;
  return it->second;
}

const std::vector<const Node*>& Lowering::readers(const std::string& value) const {
  static const std::vector<const Node*> kNone;
  const auto it = reader_nodes_.find(value);
  return it == reader_nodes_.end() ? kNone : it->second;
}

bool Lowering::is_output(const std::string& value) const {
  return std::any_of(graph().outputs.begin(), graph().outputs.end(), [&](const ValueInfo& output) { return output.name == value; });
}

std::optional<size_t> Lowering::only_producer(const std::string& value) const {
  const auto producer = producers_.find(value);
  const auto readers = readers_.find(value);
  return producer == producers_.end() || readers == readers_.end() || readers->second != 1 ? std::nullopt : std::optional(producer->second);
}

bool Lowering::is_f32_image(const std::string& value) const {
  const auto type = info(value);
  return type.dtype == Dtype::kF32 && type.has_shape && type.shape.size() == 4;
}

bool Lowering::is_byte_image(const std::string& value) const {
  const auto type = info(value);
  return (type.dtype == Dtype::kU8 || type.dtype == Dtype::kI8) && type.has_shape && type.shape.size() == 4;
}

bool Lowering::is_blocked(const std::string& value) const {
  const auto it = places_.find(value);
  return (it != places_.end() && it->second.blocked != kNoSlot) || views_.count(value) > 0;
}

bool Lowering::is_plain(const std::string& value) const {
  const auto it = places_.find(value);
  return it != places_.end() && it->second.plain != kNoSlot;
}

SlotId Lowering::new_slot(const std::string& value, Layout layout) {
  const auto type = info(value);
  Slot slot;
  slot.value = value;
  slot.dtype = type.dtype;
  slot.shape = type.shape;
  slot.layout = layout;
  if (layout == Layout::kPlanes) slot.plane_bits = plane_bits(*this, value);
  slot.bytes = slot_bytes(slot, lanes());
  program_.slots.push_back(std::move(slot));
  return static_cast<SlotId>(program_.slots.size() - 1);
}

SlotId Lowering::make(const std::string& value, Layout layout) {
  auto& place = places_[value].in(layout);
  if (place != kNoSlot) return place;  // the whole of a concatenation, made for its first part
  const auto part = parts_.find(value);
  place = layout == Layout::kBlocked && part != parts_.end() ? make_part(value, part->second) : new_slot(value, layout);
  return place;
}

SlotId Lowering::make_part(const std::string& value, const Part& part) {
  const auto whole = make(part.whole, Layout::kBlocked);
  const auto slot = new_slot(value, Layout::kBlocked);
  program_.slots[static_cast<size_t>(slot)].root = whole;
  const auto& shape = program_.slots[static_cast<size_t>(slot)].shape;
  program_.slots[static_cast<size_t>(slot)].offset = part.channel * shape[2] * shape[3] * static_cast<int64_t>(sizeof(float));
  return slot;
}

void Lowering::alias(const std::string& value, SlotId of, Layout layout) {
  const auto slot = new_slot(value, layout);
  program_.slots[static_cast<size_t>(slot)].root = of;
  places_[value].in(layout) = slot;
}

Lowering::View Lowering::view(const std::string& value) {
  if (const auto it = views_.find(value); it != views_.end()) return it->second;
  if (is_constant(value)) (void)plain(value);  // it is read later than by the node that is being lowered
  View whole;
  for (int64_t c = 0; c < info(value).shape[1]; ++c) whole.push_back({value, c});
  return whole;
}

void Lowering::set_joined_view(const std::string& value, const std::vector<std::string>& parts) {
  View whole;
  for (const auto& name : parts) {
    const auto part = view(name);
    whole.insert(whole.end(), part.begin(), part.end());
  }
  set_view(value, std::move(whole));
}

void Lowering::gather(const std::string& value) {
  if (is_byte_image(value)) gather_bytes(value);
  else gather_floats(value);
}

namespace {

/// Neighbouring channels of an input's pixel, or those of two in turn, as a shuffle of two groups leaves them.
struct Run {
  size_t input = 0;  // of the step
  int64_t from = 0, count = 0;
  bool is_zipped = false;
  size_t other = 0;  // of a zipped run: where every second byte is from
  int64_t other_from = 0;
};

/// Makes one run of each two in turn: single bytes a, b, a + 1, b + 1 ...
std::vector<Run> zipped(const std::vector<Run>& runs) {
  const auto follows = [](const Run& run, const Run& first, int64_t by) {
    return run.count == 1 && run.input == first.input && run.from == first.from + by;
  };
  constexpr int64_t kLeast = 4;
  std::vector<Run> out;
  for (size_t i = 0; i < runs.size();) {
    int64_t pairs = 0;
    while (i + 2 * static_cast<size_t>(pairs) + 1 < runs.size() && follows(runs[i + 2 * static_cast<size_t>(pairs)], runs[i], pairs) &&
           follows(runs[i + 2 * static_cast<size_t>(pairs) + 1], runs[i + 1], pairs))
      ++pairs;
    if (pairs < kLeast) {
      out.push_back(runs[i++]);
      continue;
    }
    out.push_back({runs[i].input, runs[i].from, pairs, true, runs[i + 1].input, runs[i + 1].from});
    i += 2 * static_cast<size_t>(pairs);
  }
  return out;
}

void zip(const uint8_t* __restrict a, const uint8_t* __restrict b, int64_t count, uint8_t* __restrict y) {
  for (int64_t i = 0; i < count; ++i) y[2 * i] = a[i], y[2 * i + 1] = b[i];
}

}  // namespace

/// One pass over the result, pixel by pixel: runs of neighbouring channels, and single ones.
void Lowering::gather_bytes(const std::string& value) {
  const auto view = views_.at(value);
  const auto shape = info(value).shape;
  std::vector<Run> runs;
  std::vector<int64_t> pixel_bytes;  // of each input
  Step step{.node = value, .implementation = "gather", .inputs = {}, .outputs = {}, .scratch_bytes = 0, .macs = 0, .run = nullptr};
  for (const auto& source : view) {
    const auto slot = channels_last(source.value);
    auto input = static_cast<size_t>(std::find(step.inputs.begin(), step.inputs.end(), slot) - step.inputs.begin());
    if (input == step.inputs.size()) step.inputs.push_back(slot), pixel_bytes.push_back(info(source.value).shape[1]);
    if (!runs.empty() && runs.back().input == input && runs.back().from + runs.back().count == source.channel) ++runs.back().count;
    else runs.push_back({input, source.channel, 1});
  }
  runs = zipped(runs);
  views_.erase(value);
  const auto to = make(value, Layout::kChannelsLast);
  step.outputs = {to};
  const int64_t pixels = shape[0] * shape[2] * shape[3];
  step.run = [=, inputs = step.inputs, channels = shape[1]](const Frame& f) {
    kernels::in_team(f.threads, [&](const kernels::Member& member) {
      const auto mine = kernels::share_of(pixels, member);
      uint8_t* y = f.bytes(to) + mine.begin * channels;
      std::vector<const uint8_t*> x;  // the pixel of each input
      for (size_t i = 0; i < inputs.size(); ++i) x.push_back(f.bytes(inputs[i]) + mine.begin * pixel_bytes[i]);
      const auto* const* bases = x.data();
      for (int64_t p = mine.begin; p < mine.end; ++p) {
        for (const auto& run : runs) {
          if (run.is_zipped) zip(bases[run.input] + run.from, bases[run.other] + run.other_from, run.count, y), y += run.count;
          else if (run.count == 1) *y = bases[run.input][run.from];
          else std::memcpy(y, bases[run.input] + run.from, static_cast<size_t>(run.count));
          y += run.count;
        }
        for (size_t i = 0; i < x.size(); ++i) x[i] += pixel_bytes[i];
      }
    });
  };
  add(std::move(step));
}

/// One pass over the result, block by block.
void Lowering::gather_floats(const std::string& value) {
  const auto view = views_.at(value);
  const auto shape = info(value).shape;
  const int64_t lanes = this->lanes(), pixels = shape[2] * shape[3], n = shape[0], blocks = kernels::blocks_of(shape[1], lanes);
  Step step{.node = value, .implementation = "gather", .inputs = {}, .outputs = {}, .scratch_bytes = 0, .macs = 0, .run = nullptr};
  struct Lane {
    SlotId slot = kNoSlot;
    int64_t at = 0, image = 0;  // floats
  };
  std::vector<Lane> from(static_cast<size_t>(blocks * lanes));
  for (size_t c = 0; c < view.size(); ++c) {
    const auto slot = blocked(view[c].value);
    if (std::find(step.inputs.begin(), step.inputs.end(), slot) == step.inputs.end()) step.inputs.push_back(slot);
    from[c] = {slot, view[c].channel / lanes * pixels * lanes + view[c].channel % lanes,
               kernels::blocks_of(info(view[c].value).shape[1], lanes) * pixels * lanes};
  }
  views_.erase(value);
  const auto to = make(value, Layout::kBlocked);
  step.outputs = {to};
  step.run = [=](const Frame& f) {
    kernels::in_team(f.threads, [&](const kernels::Member& member) {
      const auto mine = kernels::share_of(n * blocks, member);
      for (int64_t i = mine.begin; i < mine.end; ++i) {
        const float* pointers[16];
        for (int64_t k = 0; k < lanes; ++k) {
          const auto& lane = from[static_cast<size_t>(i % blocks * lanes + k)];
          pointers[k] = lane.slot == kNoSlot ? nullptr : f.floats(lane.slot) + i / blocks * lane.image + lane.at;
        }
        kernels::gather_lanes(pointers, f.floats(to) + i * pixels * lanes, pixels, lanes);
      }
    });
  };
  add(std::move(step));
}

SlotId Lowering::plain(const std::string& value) {
  if (views_.count(value)) gather(value);
  auto& places = places_[value];
  if (places.plain != kNoSlot) return places.plain;
  if (places.channels_last != kNoSlot || places.planes != kNoSlot) return plain_of_bytes(*this, value, channels_last(value));
  if (places.blocked == kNoSlot) {
    const auto slot = new_slot(value, Layout::kPlain);
    program_.slots.back().place = Slot::Place::kConstant;
    program_.slots.back().constant = constant(value);
    return places_[value].plain = slot;
  }
  const auto from = places.blocked;
  const auto shape = program_.slots[static_cast<size_t>(from)].shape;
  const int64_t n = shape[0], c = shape[1], pixels = shape[2] * shape[3], lanes = this->lanes();
  if (is_one_pixel(shape) && (n == 1 || c % lanes == 0)) {  // the same order in memory
    alias(value, from, Layout::kPlain);
    return places_[value].plain;
  }
  const auto to = places_[value].plain = new_slot(value, Layout::kPlain);
  add({.node = value, .implementation = "to plain", .inputs = {from}, .outputs = {to}, .scratch_bytes = 0, .macs = 0, .run = [=](const Frame& f) {
         kernels::to_plain(f.floats(from), f.floats(to), n, c, pixels, lanes, f.threads);
       }});
  return to;
}

SlotId Lowering::channels_last(const std::string& value) {
  if (views_.count(value)) gather(value);
  if (const auto slot = places_[value].channels_last; slot != kNoSlot) return slot;
  if (const auto slot = places_[value].planes; slot != kNoSlot) return bytes_of_planes(*this, value, slot);
  return channels_last_of_plain(*this, value, plain(value));
}

bool Lowering::has_planes(const std::string& value) const {
  const auto it = places_.find(value);
  return it != places_.end() && it->second.planes != kNoSlot;
}

SlotId Lowering::planes(const std::string& value) {
  if (const auto slot = places_[value].planes; slot != kNoSlot) return slot;
  return planes_of_bytes(*this, value, channels_last(value));
}

SlotId Lowering::blocked(const std::string& value) {
  if (views_.count(value)) gather(value);
  if (places_[value].blocked != kNoSlot) return places_[value].blocked;
  const auto from = plain(value);
  const auto shape = program_.slots[static_cast<size_t>(from)].shape;
  const int64_t n = shape[0], c = shape[1], pixels = shape[2] * shape[3], lanes = this->lanes();
  const auto to = make(value, Layout::kBlocked);
  add({.node = value, .implementation = "to blocked", .inputs = {from}, .outputs = {to}, .scratch_bytes = 0, .macs = 0, .run = [=](const Frame& f) {
         kernels::to_blocked(f.floats(from), f.floats(to), n, c, pixels, lanes, f.threads);
       }});
  return to;
}

kernels::ConvChoice Lowering::choose(const Node& node, const tune::ConvWithEnd& conv) const {
  const auto* choice = choice_of(node);
  return choice && choice->conv.implementation ? choice->conv : tune::choose_conv(conv, loops(), options_.tuned);
}

const Choice* Lowering::choice_of(const Node& node) const {
  return chosen_.empty() ? nullptr : chosen_[static_cast<size_t>(&node - graph().nodes.data())];
}

void Lowering::use(const GraphSelection& selection) {
  chosen_.assign(graph().nodes.size(), nullptr);
  for (const auto& choice : selection.choices)
    for (const auto node : choice.nodes) chosen_[node] = &choice;
}

void Lowering::explain(const Choice& choice, size_t before) {
  if (program_.steps.size() <= before) return;
  auto& step = program_.steps.back();
  if (step.reason.empty()) step.reason = choice.reason;
  if (choice.instead.empty()) return;  // nothing to choose: what it costs was no part of a choice
  step.predicted_us = choice.us, step.is_measured = choice.is_measured, step.instead = choice.instead, step.instead_us = choice.instead_us;
}

void Lowering::add(Step step) { program_.steps.push_back(std::move(step)); }

namespace {

/// What depends on constants only and was too large for the pass fold_constants: weights stored as int8.
bool fold(Lowering& l, const Node& node) {
  std::vector<Tensor> inputs;
  for (const auto& input : node.inputs) {
    inputs.push_back(input.empty() ? Tensor() : l.constant(input));
    if (!input.empty() && inputs.back().empty()) return false;
  }
  const auto results = ops::run_node(l.graph(), node, inputs);
  l.note_folded(node);
  for (size_t i = 0; i < node.outputs.size() && i < results.size(); ++i)
    if (!node.outputs[i].empty()) l.make_constant(node.outputs[i], results[i]);
  return true;
}

void lower_node(Lowering& l, const Node& node) {
  if (fold(l, node)) return;
  for (const auto& row : kRows)
    if (node.op_type == row.type && node.domain == row.domain && row.lower(l, node)) return;
  lower_reference(l, node);
}

/// In the order in which what they need is there.
void lower_choices(Lowering& l, const GraphSelection& selection) {
  const auto& nodes = l.graph().nodes;
  for (const auto& choice : selection.choices) {
    const auto before = l.program().steps.size();
    if (choice.is_chain()) lower_chain(l, choice);
    else lower_node(l, nodes[choice.nodes[0]]);
    l.explain(choice, before);
    for (const auto node : choice.nodes) l.release_constants(nodes[node]);
  }
}

GraphSelection selection_of(Lowering& l) {
  if (l.repeats()) return repeated_selection(l);
  if (const auto* tuned = l.options().tuned; tuned && tuned->keeps_usual_anywhere() && tuned->keeps_usual(network_text(l))) l.forget_tuning();
  auto selection = select_for(l, l.options().tuned, l.options().explains || l.notes());
  if (l.notes()) note_selection(l, selection);
  return selection;
}

}  // namespace

kernels::Precision Program::precision() const {
  const bool has_bf16 = std::any_of(steps.begin(), steps.end(), [](const Step& step) { return step.precision == kernels::Precision::kBf16; });
  return has_bf16 ? kernels::Precision::kBf16 : kernels::Precision::kF32;
}

Program lower(Graph graph, const LoweringOptions& options) {
  Program program;
  program.graph = std::make_shared<Graph>(std::move(graph));
  Lowering l(program, options);
  l.plan_concatenations();
  const auto selection = selection_of(l);
  l.use(selection);
  lower_choices(l, selection);
  for (const auto& output : program.graph->outputs) program.outputs.push_back(l.plain(output.name));
  plan_memory(program);
  l.note_weights();
  program.graph.reset();  // with its weights, which are packed now
  return_freed_memory();
  return program;
}

}  // namespace scissionlite::native
