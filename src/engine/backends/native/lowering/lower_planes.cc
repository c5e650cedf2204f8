#include "engine/backends/native/lowering/lower_planes.h"

#include "engine/backends/native/choosing/byte_choices.h"
#include "engine/backends/native/lowering/int8_product.h"
#include "kernels/lowbit/loops.h"
#include "kernels/lowbit/max_planes.h"
#include "ops/spatial.h"
#include "ops/support.h"

namespace scissionlite::native {
namespace {

constexpr int32_t kMostCode = 15;

bool reads_planes(const Lowering& l, const Node& node, const std::string& value) {
  if (node.inputs[0] != value || std::count(node.inputs.begin(), node.inputs.end(), value) != 1) return false;
  if (node.domain.empty() && node.op_type == "MaxPool") return node.outputs.size() == 1 && wants_planes(l, node.outputs[0]);
  const auto conv = l.byte_conv(node);
  return conv && conv->problem.x_zero == 0 && byte_conv_way(l, node, conv->problem, kernels::best_int8_loops()).takes_planes;
}

}  // namespace

int plane_bits(const Lowering& l, const std::string& value) {
  if (!l.is_byte_image(value) || l.info(value).dtype != Dtype::kU8) return 0;
  const auto codes = codes_of(l, value);
  return codes.high > kMostCode ? 0 : kernels::bits_of_codes(codes.high);
}

bool wants_planes(const Lowering& l, const std::string& value) {
  const auto& readers = l.readers(value);
  if (plane_bits(l, value) == 0 || readers.empty() || l.is_output(value)) return false;
  return std::all_of(readers.begin(), readers.end(), [&](const Node* reader) { return reads_planes(l, *reader, value); });
}

SlotId bytes_of_planes(Lowering& l, const std::string& value, SlotId planes) {
  const auto shape = l.info(value).shape;
  const int bits = plane_bits(l, value);
  const int64_t pixels = shape[0] * shape[2] * shape[3], channels = shape[1], pixel_bytes = bits * ((channels + 7) / 8);
  const auto& loops = kernels::low_bit_loops_beside(kernels::best_int8_loops());
  const auto to = l.make(value, Layout::kChannelsLast);
  l.add({.node = value,
         .implementation = "from planes",
         .inputs = {planes},
         .outputs = {to},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto mine = kernels::share_of(pixels, member);
             loops.unpack_planes(f.bytes(planes) + mine.begin * pixel_bytes, mine.end - mine.begin, channels, bits,
                                 f.bytes(to) + mine.begin * channels);
           });
         }});
  return to;
}

SlotId planes_of_bytes(Lowering& l, const std::string& value, SlotId channels_last) {
  const auto shape = l.info(value).shape;
  const int bits = plane_bits(l, value);
  const int64_t pixels = shape[0] * shape[2] * shape[3], channels = shape[1], plane_bytes = (channels + 7) / 8;
  const auto& loops = kernels::low_bit_loops_beside(kernels::best_int8_loops());
  const auto to = l.make(value, Layout::kPlanes);
  l.add({.node = value,
         .implementation = "to planes",
         .inputs = {channels_last},
         .outputs = {to},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto mine = kernels::share_of(pixels, member);
             loops.pack_planes({.x = f.bytes(channels_last) + mine.begin * channels,
                                .x_pixel = channels,
                                .pixels = mine.end - mine.begin,
                                .channels = channels,
                                .bits = bits,
                                .planes = f.bytes(to) + mine.begin * bits * plane_bytes,
                                .planes_pixel = bits * plane_bytes,
                                .plane_bytes = plane_bytes});
           });
         }});
  return to;
}

bool lower_max_of_planes(Lowering& l, const Node& node) {
  if (!l.has_planes(node.inputs[0]) || !wants_planes(l, node.outputs[0])) return false;
  const auto in = l.info(node.inputs[0]).shape, out = l.info(node.outputs[0]).shape;
  const ops::Context context{node, l.opset(node)};
  auto window = ops::read_window(context, node.ints_attribute("kernel_shape"));
  if (window.rank() != 2 || element_count(in) == 0 || element_count(out) == 0) return false;
  (void)ops::window_shape(context, window, in, in[1]);
  const kernels::MaxOfPlanes pool{.n = in[0],
                                  .channels = in[1],
                                  .h = in[2],
                                  .w = in[3],
                                  .out_h = out[2],
                                  .out_w = out[3],
                                  .kernel_h = window.kernel[0],
                                  .kernel_w = window.kernel[1],
                                  .stride_h = window.strides[0],
                                  .stride_w = window.strides[1],
                                  .dilation_h = window.dilations[0],
                                  .dilation_w = window.dilations[1],
                                  .top = window.pads_begin[0],
                                  .left = window.pads_begin[1],
                                  .bits = plane_bits(l, node.inputs[0])};
  const auto x = l.planes(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlanes);
  l.add({.node = node.label(),
         .implementation = "max of planes",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=](const Frame& f) { kernels::max_of_planes(pool, f.bytes(x), f.bytes(y), f.threads); }});
  return true;
}

bool lower_table_to_planes(Lowering& l, const Node& node, const std::vector<uint8_t>& table) {
  const auto shape = l.info(node.inputs[0]).shape;
  const int bits = plane_bits(l, node.outputs[0]);
  const int64_t rows = shape[0] * shape[2], columns = shape[3], channels = shape[1], plane_bytes = (channels + 7) / 8;
  const auto& loops = kernels::best_int8_loops();
  const auto& few_bits = kernels::low_bit_loops_beside(loops);
  const auto x = l.channels_last(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlanes);
  l.add({.node = node.label(),
         .implementation = "table to planes",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = columns * channels * l.threads(),
         .macs = 0,
         .run = [=, &loops, &few_bits](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto mine = kernels::share_of(rows, member);
             auto* const codes = reinterpret_cast<uint8_t*>(f.scratch) + member.rank * columns * channels;
             for (int64_t row = mine.begin; row < mine.end; ++row) {
               loops.look_up(f.bytes(x) + row * columns * channels, columns * channels, table.data(), codes);
               few_bits.pack_planes({.x = codes,
                                     .x_pixel = channels,
                                     .pixels = columns,
                                     .channels = channels,
                                     .bits = bits,
                                     .planes = f.bytes(y) + row * columns * bits * plane_bytes,
                                     .planes_pixel = bits * plane_bytes,
                                     .plane_bytes = plane_bytes});
             }
           });
         }});
  return true;
}

}  // namespace scissionlite::native
