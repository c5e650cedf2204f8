// MaxPool, AveragePool, GlobalMaxPool, GlobalAveragePool. Pads and ceil_mode become explicit padding, whose end is chosen so
// that windows fit exactly.
#include <limits>

#include "train/op/support.h"

namespace scissionlite::train::op {
namespace {

struct Pool {
  ops::Window window;
  std::vector<int64_t> end;  // padding behind, so that the last window ends with it
};

Pool read_pool(const OpContext& c, const torch::Tensor& x) {
  Pool pool{ops::read_window(plain(c), c.node.ints_attribute("kernel_shape")), {}};
  if (pool.window.rank() > 2) throw Unsupported("[" + c.node.label() + "] three-dimensional pooling has no gradient code");
  const auto out = ops::window_shape(plain(c), pool.window, shape_of(x), x.size(1));
  for (size_t d = 0; d < pool.window.rank(); ++d)
    pool.end.push_back((out[d + 2] - 1) * pool.window.strides[d] + pool.window.extent(d) - x.size(static_cast<int64_t>(d) + 2) -
                       pool.window.pads_begin[d]);
  return pool;
}

/// A one-dimensional window as a two-dimensional one of height 1.
std::vector<int64_t> as_2d(std::vector<int64_t> v) {
  if (v.size() == 1) v.insert(v.begin(), 1);
  return v;
}
torch::Tensor as_plane(const torch::Tensor& x, const Pool& pool) { return pool.window.rank() == 1 ? x.unsqueeze(2) : x; }
torch::Tensor as_before(const torch::Tensor& y, const Pool& pool) { return pool.window.rank() == 1 ? y.squeeze(2) : y; }

/// Sum of each window, without padding.
torch::Tensor window_sums(const torch::Tensor& padded, const Pool& pool) {
  return at::avg_pool2d(as_plane(padded, pool), as_2d(pool.window.kernel), as_2d(pool.window.strides), 0, /*ceil_mode=*/false,
                        /*count_include_pad=*/true,
                        /*divisor_override=*/1);
}

}  // namespace

Tensors max_pool(const OpContext& c, const Tensors& in) {
  if (c.node.outputs.size() > 1 && !c.node.outputs[1].empty())
    throw Unsupported("[" + c.node.label() + "] the second output (indices) has no gradient code");
  const auto type = in[0].scalar_type();
  const auto x = at::isFloatingType(type) ? in[0] : in[0].to(at::kFloat);  // bytes have no value below all others to pad with
  const auto pool = read_pool(c, x);
  const auto padded = pad_spatial(x, pool.window.pads_begin, pool.end, -std::numeric_limits<double>::infinity());
  const auto most = at::max_pool2d(as_plane(padded, pool), as_2d(pool.window.kernel), as_2d(pool.window.strides), 0, as_2d(pool.window.dilations));
  return {as_before(most, pool).to(type)};
}

/// Divides by the number of elements that count: those inside, and with count_include_pad those of the declared pads.
Tensors average_pool(const OpContext& c, const Tensors& in) {
  const auto pool = read_pool(c, in[0]);
  for (int64_t d : pool.window.dilations)
    if (d != 1) throw Unsupported("[" + c.node.label() + "] dilated average pooling has no gradient code");
  const auto sums = window_sums(pad_spatial(in[0], pool.window.pads_begin, pool.end, 0), pool);
  auto counted = torch::ones_like(in[0].detach().slice(0, 0, 1).slice(1, 0, 1));
  auto behind = pool.end;
  if (c.node.int_attribute("count_include_pad", 0) != 0) {
    counted = pad_spatial(counted, pool.window.pads_begin, pool.window.pads_end, 1);
    for (size_t d = 0; d < behind.size(); ++d) behind[d] -= pool.window.pads_end[d];
    counted = pad_spatial(counted, std::vector<int64_t>(behind.size(), 0), behind, 0);
  } else {
    counted = pad_spatial(counted, pool.window.pads_begin, behind, 0);
  }
  return {as_before(sums / window_sums(counted, pool).clamp_min(1), pool)};
}

namespace {
std::vector<int64_t> spatial_axes(const torch::Tensor& x) {
  std::vector<int64_t> axes;
  for (int64_t d = 2; d < x.dim(); ++d) axes.push_back(d);
  return axes;
}
}  // namespace

Tensors global_average_pool(const OpContext&, const Tensors& in) { return {in[0].mean(spatial_axes(in[0]), /*keepdim=*/true)}; }
Tensors global_max_pool(const OpContext&, const Tensors& in) { return {at::amax(in[0], spatial_axes(in[0]), /*keepdim=*/true)}; }

}  // namespace scissionlite::train::op
