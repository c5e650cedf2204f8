// DepthToSpace behind what works value by value, so that the convolution before it can take that up: its activation, or the sum of two
// such images as a residual.
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

/// Node `first` computes `type` of what `second` reads, and `second` reads that: the other way round than they stand.
void exchange(Rewriter& r, size_t first, size_t second) {
  Node mover = r.node(first), worker = r.node(second);
  const auto between = r.fresh_name(worker.outputs[0] + "_" + mover.op_type);
  worker.inputs[0] = mover.inputs[0];
  mover.inputs[0] = between;
  mover.outputs = worker.outputs;
  worker.outputs = {between};
  r.erase(second);
  r.replace(first, std::move(worker));
  r.insert_after(first, std::move(mover));
}

/// The DepthToSpace that makes the value for one reader, or the Slice of rows and columns behind one.
std::optional<size_t> mover_before(const Rewriter& r, const std::string& value) {
  const auto maker = r.inner_producer(value);
  if (!maker || is_onnx(r.node(*maker), "DepthToSpace")) return maker;
  const auto inner = is_onnx(r.node(*maker), "Slice") ? r.inner_producer(r.node(*maker).inputs[0]) : std::nullopt;
  return inner && is_onnx(r.node(*inner), "DepthToSpace") ? maker : std::nullopt;
}

bool behind_activation(Rewriter& r, size_t i) {
  if (!activation_of(r, i)) return false;
  const auto mover = mover_before(r, r.node(i).inputs[0]);
  if (!mover || !r.may_merge(*mover, i)) return false;
  exchange(r, *mover, i);
  return true;
}

bool is_same_move(const Node& a, const Node& b) {
  return is_onnx(a, "DepthToSpace") && is_onnx(b, "DepthToSpace") && a.int_attribute("blocksize", 1) == b.int_attribute("blocksize", 1) &&
         a.text_attribute("mode", "DCR") == b.text_attribute("mode", "DCR");
}

/// Two of one shape, added: their sum is moved.
bool behind_sum(Rewriter& r, size_t i) {
  if (!is_add(r.node(i))) return false;
  const auto& sides = r.node(i).inputs;
  const auto a = r.inner_producer(sides[0]), b = r.inner_producer(sides[1]);
  if (!a || !b || !is_same_move(r.node(*a), r.node(*b)) || !r.may_merge(*a, i) || !r.may_merge(*b, i)) return false;
  const auto x = r.shape(r.node(*a).inputs[0]);
  if (!x || x != r.shape(r.node(*b).inputs[0]) || !is_static({x->begin() + 1, x->end()})) return false;
  Node sum = r.node(i), mover = r.node(*a);
  mover.outputs = sum.outputs;
  sum.inputs = {mover.inputs[0], r.node(*b).inputs[0]};
  sum.outputs = {r.fresh_name(mover.outputs[0] + "_phases")};
  mover.inputs = sum.outputs;
  r.erase(*a);
  r.erase(*b);
  r.replace(i, std::move(sum));
  r.insert_after(i, std::move(mover));
  return true;
}

}  // namespace

int delay_depth_to_space(Graph& graph) { return sweep(graph, {behind_activation, behind_sum}); }

}  // namespace scissionlite::passes
