// BatchNormalization that has no Conv or Gemm before it, and two or more in a row of Mul, Div, Add, Sub of constants a channel
// -> ChannelScale, which takes an activation behind it too.
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

Node scale_node(Rewriter& r, const Node& like, const Affine& affine) {
  const auto& result = like.outputs[0];
  const auto scale = r.add_constant(result + "_scale", to_tensor(affine.scale)),
             offset = r.add_constant(result + "_offset", to_tensor(affine.offset));
  Node out{like.name, "", "", {affine.data, scale, offset}, {result}, {}, like.doc};
  make_fused(r, out, "ChannelScale");
  return out;
}

bool from_batch_norm(Rewriter& r, size_t i) {
  const auto affine = is_onnx(r.node(i), "BatchNormalization") ? affine_of(r, i) : std::nullopt;
  const auto x = affine ? r.shape(affine->data) : std::nullopt;
  if (!x || x->size() < 2 || (*x)[1] != affine->channels()) return false;
  r.replace(i, scale_node(r, r.node(i), *affine));
  return true;
}

/// Two in a row are one pass over memory instead of two.
bool merge_two(Rewriter& r, size_t i) {
  auto second = affine_of(r, i);
  const auto before = second ? r.inner_producer(second->data) : std::nullopt;
  const auto first = before && r.may_merge(*before, i) ? affine_of(r, *before) : std::nullopt;
  if (!first || first->channels() != second->channels()) return false;
  for (size_t c = 0; c < first->scale.size(); ++c) {
    second->offset[c] += first->offset[c] * second->scale[c];
    second->scale[c] *= first->scale[c];
  }
  second->data = first->data;
  r.merge(*before, i, scale_node(r, r.node(i), *second));
  return true;
}

bool absorb(Rewriter& r, size_t i) { return absorb_activation(r, i, "", "ChannelScale"); }

}  // namespace

int fuse_channel_scale(Graph& graph) { return sweep(graph, {from_batch_norm, merge_two, absorb}); }

}  // namespace scissionlite::passes
