// Reshape, Flatten, Squeeze, Unsqueeze, Identity, and Dropout, which passes everything (as at inference).
#include "train/op/support.h"

namespace scissionlite::train::op {

/// A model whose batch is fixed to b names b in its target shapes; with a batch of n, n is meant.
Tensors reshape(const OpContext& c, const Tensors& in) {
  const auto& x = in[0];
  auto wanted = integers(in[1]);
  const bool allow_zero = c.node.int_attribute("allowzero", 0) != 0;
  int64_t product = 1;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0 && !allow_zero) {
      if (static_cast<int64_t>(i) >= x.dim())
        fail(c, "shape asks to copy dimension " + std::to_string(i) + ", which " + to_string(shape_of(x)) + " does not have");
      wanted[i] = x.size(static_cast<int64_t>(i));
    }
    product *= wanted[i];
  }
  const bool other_batch = c.model_batch > 0 && c.batch != c.model_batch && x.dim() > 0 && x.size(0) == c.batch;
  if (other_batch && !wanted.empty() && wanted[0] == c.model_batch && (product < 0 || product != x.numel())) wanted[0] = c.batch;
  return {x.reshape(wanted)};
}

Tensors flatten(const OpContext& c, const Tensors& in) {
  int64_t axis = c.node.int_attribute("axis", 1);
  if (axis < 0) axis += in[0].dim();
  int64_t rows = 1;
  for (int64_t d = 0; d < axis; ++d) rows *= in[0].size(d);
  return {in[0].reshape({rows, rows == 0 ? 0 : in[0].numel() / rows})};
}

Tensors squeeze(const OpContext& c, const Tensors& in) {
  auto axes = attribute_or_input(c, in, 1, "axes");
  for (auto& axis : axes) axis = normal_axis(c, axis, in[0].dim());
  std::vector<int64_t> sizes;
  for (int64_t d = 0; d < in[0].dim(); ++d) {
    const bool named = std::find(axes.begin(), axes.end(), d) != axes.end();
    if (named && in[0].size(d) != 1) fail(c, "cannot squeeze axis " + std::to_string(d) + " of " + to_string(shape_of(in[0])));
    if (!(axes.empty() ? in[0].size(d) == 1 : named)) sizes.push_back(in[0].size(d));
  }
  return {in[0].reshape(sizes)};
}

Tensors unsqueeze(const OpContext& c, const Tensors& in) {
  auto axes = attribute_or_input(c, in, 1, "axes");
  const int64_t rank = in[0].dim() + static_cast<int64_t>(axes.size());
  for (auto& axis : axes) axis = normal_axis(c, axis, rank);
  std::vector<int64_t> sizes;
  int64_t next = 0;
  for (int64_t d = 0; d < rank; ++d) sizes.push_back(std::find(axes.begin(), axes.end(), d) != axes.end() ? 1 : in[0].size(next++));
  return {in[0].reshape(sizes)};
}

Tensors identity(const OpContext& c, const Tensors& in) {
  Tensors out{in[0]};
  if (c.node.outputs.size() > 1)
    out.push_back(torch::ones_like(in[0].detach(), c.opset >= 10 ? torch::kBool : in[0].scalar_type()));  // Dropout's mask
  return out;
}

}  // namespace scissionlite::train::op
