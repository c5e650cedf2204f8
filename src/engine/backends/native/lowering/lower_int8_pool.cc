// Pooling of images of bytes, channels last.
#include "engine/backends/native/lowering/lower_int8.h"
#include "engine/backends/native/lowering/lower_planes.h"
#include "kernels/parallel.h"
#include "ops/support.h"

namespace scissionlite::native {
namespace {

struct Pool {
  bool is_max = true, is_signed = false, counts_padding = false;
  int64_t n = 0, c = 0, h = 0, w = 0, out_h = 0, out_w = 0;
  std::vector<int64_t> kernel, strides, dilations, before, after;
  kernels::Int8PoolArguments end;  // of averages; with `is_in_floats` its scale is x's, else that of a sum
  bool is_in_floats = false;       // window by window, as ONNX Runtime's QLinearAveragePool; its QLinearGlobalAveragePool sums up integers
};

/// Inputs (or places in the padding) that a window covers in one direction: begin + i * dilation of [0, size).
int64_t places(int64_t begin, int64_t kernel, int64_t dilation, int64_t low, int64_t high) {
  int64_t count = 0;
  for (int64_t i = 0; i < kernel; ++i) count += begin + i * dilation >= low && begin + i * dilation < high;
  return count;
}

void run_pixel(const Pool& p, const kernels::Int8Loops& loops, const uint8_t* x, int64_t row, int64_t column, std::vector<const uint8_t*>& taps,
               uint8_t* y) {
  taps.clear();
  const int64_t top = row * p.strides[0] - p.before[0], left = column * p.strides[1] - p.before[1];
  for (int64_t i = 0; i < p.kernel[0]; ++i)
    for (int64_t j = 0; j < p.kernel[1]; ++j) {
      const int64_t h = top + i * p.dilations[0], w = left + j * p.dilations[1];
      if (h >= 0 && h < p.h && w >= 0 && w < p.w) taps.push_back(x + (h * p.w + w) * p.c);
    }
  auto a = p.end;
  a.x = taps.data(), a.taps = static_cast<int64_t>(taps.size()), a.channels = p.c, a.is_signed = p.is_signed, a.y = y;
  if (p.is_max) return loops.max_pixel(a);
  const int64_t counted = p.counts_padding ? places(top, p.kernel[0], p.dilations[0], -p.before[0], p.h + p.after[0]) *
                                                 places(left, p.kernel[1], p.dilations[1], -p.before[1], p.w + p.after[1])
                                           : a.taps;
  if (p.is_in_floats) a.counted = static_cast<float>(counted);
  else a.scale /= static_cast<float>(counted);
  loops.mean_pixel(a);
}

void add_pool(Lowering& l, const Node& node, const Pool& pool) {
  const auto x = l.channels_last(node.inputs[0]), y = l.make(node.outputs[0], Layout::kChannelsLast);
  const auto& loops = kernels::best_int8_loops();
  l.add({.node = node.label(),
         .implementation = "int8 vectors",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             std::vector<const uint8_t*> taps;
             const auto rows = kernels::share_of(pool.n * pool.out_h, member);
             for (int64_t i = rows.begin; i < rows.end; ++i)
               for (int64_t column = 0; column < pool.out_w; ++column)
                 run_pixel(pool, loops, f.bytes(x) + i / pool.out_h * pool.h * pool.w * pool.c, i % pool.out_h, column, taps,
                           f.bytes(y) + (i * pool.out_w + column) * pool.c);
           });
         }});
}

/// Sizes, and what averages end with: x, x_scale, x_zero, y_scale, y_zero.
std::optional<Pool> pool_of(const Lowering& l, const Node& node, bool is_max, bool is_in_floats) {
  if (!l.is_byte_image(node.inputs[0]) || node.int_attribute("channels_last", 0) != 0) return std::nullopt;
  const auto in = l.info(node.inputs[0]), out = l.info(node.outputs[0]);
  if (element_count(in.shape) == 0 || element_count(out.shape) == 0 || (node.outputs.size() > 1 && !node.outputs[1].empty())) return std::nullopt;
  Pool p;
  p.is_max = is_max, p.is_signed = in.dtype == Dtype::kI8;
  p.n = in.shape[0], p.c = in.shape[1], p.h = in.shape[2], p.w = in.shape[3], p.out_h = out.shape[2], p.out_w = out.shape[3];
  if (is_max) return p;
  const auto x = quantisation_of(l, node, 1, 2, in.dtype), y = quantisation_of(l, node, 3, 4, out.dtype);
  if (!x || !y) return std::nullopt;
  const auto bounds = bounds_of(node, *y);
  p.is_in_floats = is_in_floats;
  p.end.x_zero = x->zero, p.end.zero = y->zero, p.end.scale = is_in_floats ? x->scale : x->scale / y->scale, p.end.y_scale = y->scale;
  p.end.low = static_cast<float>(bounds.low - y->zero), p.end.high = static_cast<float>(bounds.high - y->zero);
  return p;
}

bool lower_window(Lowering& l, const Node& node, bool is_max) {
  auto pool = pool_of(l, node, is_max, /*is_in_floats=*/!is_max);
  if (!pool) return false;
  const ops::Context context{node, l.opset(node)};
  auto window = ops::read_window(context, node.ints_attribute("kernel_shape"));
  if (window.rank() != 2) return false;
  (void)ops::window_shape(context, window, l.info(node.inputs[0]).shape, pool->c);
  pool->kernel = window.kernel, pool->strides = window.strides, pool->dilations = window.dilations, pool->before = window.pads_begin,
  pool->after = window.pads_end;
  pool->counts_padding = node.int_attribute("count_include_pad", 0) != 0;
  add_pool(l, node, *pool);
  return true;
}

}  // namespace

bool lower_int8_max_pool(Lowering& l, const Node& node) { return lower_max_of_planes(l, node) || lower_window(l, node, /*is_max=*/true); }
bool lower_int8_average_pool(Lowering& l, const Node& node) { return lower_window(l, node, /*is_max=*/false); }

bool lower_int8_global_average(Lowering& l, const Node& node) {
  auto pool = pool_of(l, node, /*is_max=*/false, /*is_in_floats=*/false);
  if (!pool) return false;
  pool->kernel = {pool->h, pool->w}, pool->strides = pool->dilations = {1, 1}, pool->before = pool->after = {0, 0};
  add_pool(l, node, *pool);
  return true;
}

}  // namespace scissionlite::native
