// Reshape (n, c, h, w) to (n, g, c / g, h, w), Transpose of the two channel axes, Reshape back: a ChannelShuffle.
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

bool is_swap_of_channels(const Node& node) {
  return is_onnx(node, "Transpose") && node.ints_attribute("perm") == std::vector<int64_t>{0, 2, 1, 3, 4};
}

/// (n, c, ...) as (n, g, c / g, ...): the number of groups.
std::optional<int64_t> groups_of(const Shape& image, const Shape& grouped) {
  const bool fits = image.size() == 4 && grouped.size() == 5 && image[0] == grouped[0] && image[2] == grouped[3] && image[3] == grouped[4];
  if (!fits || image[1] < 1 || grouped[1] < 1 || grouped[1] * grouped[2] != image[1]) return std::nullopt;
  return grouped[1];
}

bool shuffle(Rewriter& r, size_t i) {
  if (!is_onnx(r.node(i), "Reshape")) return false;
  const auto swap = r.inner_producer(r.node(i).inputs[0]);
  if (!swap || !is_swap_of_channels(r.node(*swap))) return false;
  const auto first = r.inner_producer(r.node(*swap).inputs[0]);
  if (!first || !is_onnx(r.node(*first), "Reshape")) return false;
  const auto x = r.node(*first).inputs[0];
  const auto image = r.shape(x), grouped = r.shape(r.node(*swap).inputs[0]), back = r.shape(r.node(i).outputs[0]);
  if (!image || !grouped || image != back) return false;
  const auto groups = groups_of(*image, *grouped);
  if (!groups) return false;
  r.replace(i, {r.node(*swap).name, "ChannelShuffle", "scissionlite", {x}, {r.node(i).outputs[0]}, {{"groups", *groups}}, ""});
  r.import_fused_domain();
  r.erase(*swap);
  r.erase(*first);
  return true;
}

}  // namespace

int recognise_channel_shuffle(Graph& graph) { return sweep(graph, {shuffle}); }

}  // namespace scissionlite::passes
