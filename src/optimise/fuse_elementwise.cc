// Elementwise nodes that follow one another, of float32 and of one shape -> Strip, with everything else that they read as its inputs. A value
// between them that is read outside, or that is an output, ends a strip. A ChannelScale among them counts as Mul and Add, which round as it does.
// A Strip whose values turn out to have several shapes is taken apart into its steps, which merge again where shapes are equal.
#include <algorithm>

#include "ops/strip.h"
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

using ops::StripProgram;

struct Input {
  Input(std::string name, bool of_channels = false) : value(std::move(name)), is_channel_constant(of_channels) {}
  std::string value;
  bool is_channel_constant = false;  // of a ChannelScale, (channels), which becomes (channels, 1, ...) when something is merged
  bool operator==(const Input&) const = default;
};

/// A program and what it reads, each value once.
struct Piece {
  std::vector<Input> inputs;
  StripProgram program;
};

/// The number that an input has in the piece, where it is put if it is not there yet.
int input_number(Piece& piece, const Input& input) {
  const auto it = std::find(piece.inputs.begin(), piece.inputs.end(), input);
  if (it != piece.inputs.end()) return static_cast<int>(it - piece.inputs.begin());
  piece.inputs.push_back(input);
  return static_cast<int>(piece.inputs.size() - 1);
}

/// Appends the steps of a program whose value v < its inputs is value `numbers[v]` here; later ones get the numbers that follow.
void append(StripProgram& to, const StripProgram& program, std::vector<int> numbers) {
  for (auto step : program.steps) {
    for (int& operand : step.operands) operand = numbers[static_cast<size_t>(operand)];
    numbers.push_back(to.value_of(to.steps.size()));
    to.steps.push_back(std::move(step));
  }
}

/// `outer` with its input `value` computed by `inner`.
Piece joined(const Piece& inner, const Piece& outer, const std::string& value) {
  Piece out;
  std::vector<int> inner_numbers, outer_numbers;
  for (const auto& input : inner.inputs) inner_numbers.push_back(input_number(out, input));
  for (const auto& input : outer.inputs) outer_numbers.push_back(input == Input{value} ? -1 : input_number(out, input));
  out.program.inputs = static_cast<int>(out.inputs.size());
  append(out.program, inner.program, std::move(inner_numbers));
  std::replace(outer_numbers.begin(), outer_numbers.end(), -1, out.program.value_of(inner.program.steps.size() - 1));
  append(out.program, outer.program, std::move(outer_numbers));
  return out;
}

/// Only the inputs that a step reads, each once.
Piece piece_of(const StripProgram& program, const std::vector<Input>& inputs) {
  Piece out;
  std::vector<bool> is_read(inputs.size(), false);
  for (const auto& step : program.steps)
    for (const int operand : step.operands)
      if (operand < program.inputs) is_read[static_cast<size_t>(operand)] = true;
  std::vector<int> numbers;
  for (size_t i = 0; i < inputs.size(); ++i) numbers.push_back(is_read[i] ? input_number(out, inputs[i]) : -1);
  out.program.inputs = static_cast<int>(out.inputs.size());
  append(out.program, program, std::move(numbers));
  return out;
}

std::optional<Piece> piece_of_channel_scale(const Rewriter& r, size_t i) {
  const auto& node = r.node(i);
  if (!is_fused(node, "ChannelScale") || !r.constant(node.inputs[1]) || !r.constant(node.inputs[2]) || !r.shape(node.inputs[0])) return std::nullopt;
  StripProgram program{3, {{"Mul", {0, 1}}, {"Add", {3, 2}}}};
  if (const auto activation = ops::read_activation(r.context(i)); !activation.none()) program.steps.push_back(ops::step_of(activation, 4));
  return piece_of(program, {{node.inputs[0]}, {node.inputs[1], true}, {node.inputs[2], true}});
}

/// Of float32 only.
std::optional<Piece> piece_at(const Rewriter& r, size_t i) {
  const auto& node = r.node(i);
  if (r.dtype(node.outputs[0]) != Dtype::kF32 || node.outputs.size() != 1) return std::nullopt;
  if (auto piece = piece_of_channel_scale(r, i)) return piece;
  const auto program = ops::strip_of(r.context(i), r.constants(i));
  if (!program) return std::nullopt;
  auto piece = piece_of(*program, {node.inputs.begin(), node.inputs.end()});
  const bool is_float =
      std::all_of(piece.inputs.begin(), piece.inputs.end(), [&](const Input& input) { return r.dtype(input.value) == Dtype::kF32; });
  return is_float ? std::optional(std::move(piece)) : std::nullopt;
}

/// The constant of a ChannelScale as an operand beside an image of that rank: one value, or (channels, 1, ...).
std::string operand_of(Rewriter& r, const std::string& constant, size_t rank) {
  const auto& tensor = *r.constant(constant);
  const auto values = tensor.as<float>();
  if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end())
    return r.add_constant(constant + "_operand", Tensor::scalar(values[0]));
  Shape shape(rank - 1, 1);
  shape[0] = tensor.size();
  return r.add_constant(constant + "_operand", tensor.reshaped(shape));
}

void make_operands(Rewriter& r, Piece& piece, size_t rank) {
  for (auto& input : piece.inputs)
    if (input.is_channel_constant) input = {operand_of(r, input.value, rank)};
}

/// Shapes of all steps; nothing where an input's is not known.
std::optional<std::vector<Shape>> shapes_of(const Rewriter& r, size_t i, const Piece& piece) {
  std::vector<Shape> shapes;
  for (const auto& input : piece.inputs) {
    const auto shape = input.is_channel_constant ? Shape{} : r.shape(input.value);  // a constant of channels enlarges nothing
    if (!shape) return std::nullopt;
    shapes.push_back(*shape);
  }
  return ops::step_shapes(r.context(i), piece.program, shapes);
}

bool are_alike(const std::vector<Shape>& shapes) { return std::adjacent_find(shapes.begin(), shapes.end(), std::not_equal_to<>()) == shapes.end(); }

void become(Rewriter& r, Node& node, const Piece& piece) {
  ops::write_strip(node, piece.program);
  node.inputs.clear();
  for (const auto& input : piece.inputs) node.inputs.push_back(input.value);
  r.import_fused_domain();
}

/// The node before that makes one of the piece's inputs for this node alone, as a value of the same shape.
struct Before {
  size_t node;
  Piece piece;
  std::string value;
};
std::optional<Before> before(const Rewriter& r, size_t i, const Piece& piece) {
  const auto shape = r.shape(r.node(i).outputs[0]);
  for (const auto& [value, is_channel_constant] : piece.inputs) {
    const auto maker = r.producer(value);
    if (!maker || r.is_output(value) || !shape || r.shape(value) != shape || !r.may_merge(*maker, i)) continue;
    const auto& readers = r.readers(value);
    if (!std::all_of(readers.begin(), readers.end(), [&](size_t reader) { return reader == i; })) continue;
    if (auto made = piece_at(r, *maker)) return Before{*maker, std::move(*made), value};
  }
  return std::nullopt;
}

/// Takes up everything before node i that can be one with it.
bool merge(Rewriter& r, size_t i) {
  auto piece = piece_at(r, i);
  bool has_merged = false;
  while (const auto found = piece ? before(r, i, *piece) : std::nullopt) {
    auto whole = joined(found->piece, *piece, found->value);
    const auto shapes = shapes_of(r, i, whole);
    if (!shapes || !are_alike(*shapes)) break;
    make_operands(r, whole, shapes->back().size());
    Node merged = r.node(i);
    become(r, merged, whole);
    r.merge(found->node, i, std::move(merged));
    piece = std::move(whole);
    has_merged = true;
  }
  return has_merged;
}

/// One Strip a step.
bool take_apart(Rewriter& r, size_t i) {
  if (!is_fused(r.node(i), "Strip")) return false;
  const Node node = r.node(i);
  const Piece piece{{node.inputs.begin(), node.inputs.end()}, ops::read_strip(r.context(i))};
  const auto shapes = shapes_of(r, i, piece);
  if (!shapes || are_alike(*shapes)) return false;
  auto values = piece.inputs;
  const auto& steps = piece.program.steps;
  for (size_t k = 0; k < steps.size(); ++k) {
    StripProgram alone{static_cast<int>(values.size()), {steps[k]}};
    const bool is_last = k + 1 == steps.size();
    Node made = node;
    become(r, made, piece_of(alone, values));
    made.outputs = {is_last ? node.outputs[0] : r.fresh_name(node.outputs[0] + "_step")};
    values.push_back({made.outputs[0]});
    if (is_last) r.replace(i, std::move(made));
    else r.insert_after(i, std::move(made));
  }
  return true;
}

}  // namespace

int fuse_elementwise(Graph& graph) { return sweep(graph, {take_apart, merge}); }

}  // namespace scissionlite::passes
