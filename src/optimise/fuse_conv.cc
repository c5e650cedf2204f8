// Conv + residual Add + activation -> FusedConv. Bias and batch normalisation are in the Conv's own constants by now.
#include <algorithm>

#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

bool can_take_residual(const Rewriter& r, size_t conv, size_t add) {
  const Node& node = r.node(conv);
  return is_conv(node) && !node.has("activation") && input_of(node, 3).empty() && r.may_merge(conv, add);
}

/// Of two convolutions the later one takes the other's result as residual.
std::optional<size_t> conv_before(const Rewriter& r, size_t add) {
  std::optional<size_t> best;
  for (const auto& input : r.node(add).inputs)
    if (const auto maker = r.inner_producer(input); maker && can_take_residual(r, *maker, add) && (!best || *maker > *best)) best = maker;
  return best;
}

/// A residual is never repeated. An open first size is the batch, the same everywhere; of others it is not known.
bool have_one_shape(const Rewriter& r, const std::string& a, const std::string& b) {
  const auto x = r.shape(a), y = r.shape(b);
  return x && y && !x->empty() && x == y && std::all_of(x->begin() + 1, x->end(), [](int64_t size) { return size >= 0; });
}

bool absorb_residual(Rewriter& r, size_t add) {
  if (!is_add(r.node(add)) || !have_one_shape(r, r.node(add).inputs[0], r.node(add).inputs[1])) return false;
  const auto conv = conv_before(r, add);
  if (!conv) return false;
  Node merged = r.node(*conv);
  const auto& sides = r.node(add).inputs;
  set_input(merged, 3, sides[0] == merged.outputs[0] ? sides[1] : sides[0]);
  make_fused(r, merged, "FusedConv");
  r.merge(*conv, add, std::move(merged));
  return true;
}

bool absorb(Rewriter& r, size_t i) { return absorb_activation(r, i, "Conv", "FusedConv"); }

}  // namespace

int fuse_conv(Graph& graph) { return sweep(graph, {absorb_residual, absorb}); }

}  // namespace scissionlite::passes
