// Operators that put pixels of images elsewhere: DepthToSpace, SpaceToDepth, nearest Resize, and Slice of rows and columns. Each makes
// a row of one block after the other.
#include <algorithm>

#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "kernels/move.h"
#include "kernels/parallel.h"
#include "ops/resize_rule.h"

namespace scissionlite::native {
namespace {

/// A blocked image.
struct Image {
  int64_t n = 0, c = 0, h = 0, w = 0, lanes = 0;
  [[nodiscard]] int64_t blocks() const { return kernels::blocks_of(c, lanes); }
  /// Of the lane's first pixel in a row.
  [[nodiscard]] int64_t at(int64_t image, int64_t channel, int64_t row) const {
    return ((image * blocks() + channel / lanes) * h + row) * w * lanes + channel % lanes;
  }
};
Image image_of(const Lowering& l, const std::string& value) {
  const auto shape = l.info(value).shape;
  return {shape[0], shape[1], shape[2], shape[3], l.lanes()};
}

struct Row {
  int64_t image, channel, row;  // channel: the block's first
};
/// Adds a step that calls make(x, the row's first float, Row) for each row of the result.
template <typename Make>
void add_rows(Lowering& l, const Node& node, const Make& make) {
  const auto to = image_of(l, node.outputs[0]);
  const auto x = l.blocked(node.inputs[0]), y = l.make(node.outputs[0], Layout::kBlocked);
  l.add({.node = node.label(), .implementation = "rows", .inputs = {x}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto rows = kernels::share_of(to.n * to.blocks() * to.h, member);
             for (int64_t i = rows.begin; i < rows.end; ++i) {
               const int64_t block = i / to.h;
               make(f.floats(x), f.floats(y) + i * to.w * to.lanes, Row{block / to.blocks(), block % to.blocks() * to.lanes, i % to.h});
             }
           });
         }});
}

/// Where each lane of a block begins; null beyond the last channel.
struct Lanes {
  const float* from[16] = {};
  template <typename Place>
  Lanes(const Image& to, int64_t channel, const Place& place) {
    for (int64_t k = 0; k < to.lanes && channel + k < to.c; ++k) from[k] = place(channel + k);
  }
};

bool is_image_with_values(const Lowering& l, const Node& node) {
  return l.is_f32_image(node.inputs[0]) && element_count(l.info(node.outputs[0]).shape) > 0;
}

}  // namespace

bool lower_depth_to_space(Lowering& l, const Node& node) {
  if (!is_image_with_values(l, node)) return false;
  const int64_t size = node.int_attribute("blocksize", 1);
  const bool is_depth_first = node.text_attribute("mode", "DCR") == "DCR";
  const auto in = image_of(l, node.inputs[0]), out = image_of(l, node.outputs[0]);
  if (in.c != out.c * size * size) return false;
  add_rows(l, node, [=](const float* x, float* y, const Row& at) {
    for (int64_t column = 0; column < size; ++column) {
      const int64_t phase = at.row % size * size + column;
      const Lanes lanes(out, at.channel,
                        [&](int64_t c) { return x + in.at(at.image, is_depth_first ? phase * out.c + c : c * size * size + phase, at.row / size); });
      kernels::gather_pixels(lanes.from, 1, y + column * out.lanes, size, in.w, out.lanes);
    }
  });
  return true;
}

bool lower_space_to_depth(Lowering& l, const Node& node) {
  if (!is_image_with_values(l, node)) return false;
  const int64_t size = node.int_attribute("blocksize", 1);
  const auto in = image_of(l, node.inputs[0]), out = image_of(l, node.outputs[0]);
  if (in.h != out.h * size || in.w != out.w * size) return false;
  add_rows(l, node, [=](const float* x, float* y, const Row& at) {
    const Lanes lanes(out, at.channel, [&](int64_t c) {
      const int64_t phase = c / in.c;
      return x + in.at(at.image, c % in.c, at.row * size + phase / size) + phase % size * in.lanes;
    });
    kernels::gather_pixels(lanes.from, size, y, 1, out.w, out.lanes);
  });
  return true;
}

bool lower_resize(Lowering& l, const Node& node) {
  if (!is_image_with_values(l, node)) return false;
  const ops::Context context{node, l.opset(node)};
  const auto constants = l.constants_of(node);
  const auto shape = l.info(node.inputs[0]).shape;
  const auto plan = ops::read_resize_plan(context, shape, constants);
  const auto mode = ops::read_resize_mode(context);
  if (!plan || !mode.is_choice() || plan->out[0] != shape[0] || plan->out[1] != shape[1]) return false;
  std::vector<int32_t> source[2];  // of each row and of each column
  for (size_t d = 0; d < 2; ++d)
    for (const int64_t index : ops::nearest_indices(*plan, mode, d + 2)) source[d].push_back(static_cast<int32_t>(index));
  const auto in = image_of(l, node.inputs[0]);
  add_rows(l, node, [in, rows = source[0], columns = source[1]](const float* x, float* y, const Row& at) {
    kernels::choose_pixels(x + in.at(at.image, at.channel, rows[static_cast<size_t>(at.row)]), columns.data(), y,
                           static_cast<int64_t>(columns.size()), in.lanes);
  });
  return true;
}

namespace {

/// What a Slice takes of each dimension.
std::optional<ops::Sliced> slice_of(const Lowering& l, const Node& node) {
  return ops::read_slice({node, l.opset(node)}, l.info(node.inputs[0]).shape, l.constants_of(node));
}
bool takes_all(const ops::Sliced& slice, const Shape& shape, size_t d) {
  return slice.begins[d] == 0 && slice.steps[d] == 1 && slice.shape[d] == shape[d];
}

/// Channels are a view; nothing is copied before something reads them that needs them in one piece.
void view_channels(Lowering& l, const Node& node, const ops::Sliced& slice) {
  const auto whole = l.view(node.inputs[0]);
  Lowering::View part;
  for (int64_t c = 0; c < slice.shape[1]; ++c) part.push_back(whole[static_cast<size_t>(slice.begins[1] + c * slice.steps[1])]);
  l.set_view(node.outputs[0], std::move(part));
}

/// Any type and rank: runs of neighbouring values.
void copy_runs(Lowering& l, const Node& node, const ops::Sliced& slice) {
  const auto shape = l.info(node.inputs[0]).shape;
  const auto strides = ops::strides_of(shape);
  const auto value_bytes = static_cast<int64_t>(dtype_size(l.info(node.inputs[0]).dtype));
  size_t inner = shape.size();  // dimensions from here on are one run
  int64_t run = value_bytes, begin = 0;
  while (inner > 0 && slice.steps[inner - 1] == 1) {
    --inner;
    run *= slice.shape[inner];
    if (slice.shape[inner] != shape[inner]) break;
  }
  const Shape outer(slice.shape.begin(), slice.shape.begin() + static_cast<std::ptrdiff_t>(inner));
  std::vector<int64_t> steps;
  for (size_t d = 0; d < shape.size(); ++d) begin += slice.begins[d] * strides[d] * value_bytes;
  for (size_t d = 0; d < inner; ++d) steps.push_back(slice.steps[d] * strides[d] * value_bytes);
  const auto x = l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlain);
  l.add({.node = node.label(), .implementation = "copy", .inputs = {x}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=](const Frame& f) {
           const uint8_t* from = f.bytes(x) + begin;
           ops::for_each_offset<1>(
               outer, {steps}, [&](int64_t i, const auto& offset) { std::memcpy(f.bytes(y) + i * run, from + offset[0], static_cast<size_t>(run)); });
         }});
}

}  // namespace

bool lower_slice(Lowering& l, const Node& node) {
  const auto slice = slice_of(l, node);
  if (!slice || element_count(slice->shape) == 0) return false;
  const auto& shape = l.info(node.inputs[0]).shape;
  const bool is_image = l.is_f32_image(node.inputs[0]), has_all_channels = is_image && takes_all(*slice, shape, 1);
  if (is_image && is_selected_view(l, node) && takes_all(*slice, shape, 0) && takes_all(*slice, shape, 2) && takes_all(*slice, shape, 3)) {
    view_channels(l, node, *slice);
    return true;
  }
  if (!has_all_channels || selected_layout(l, node) != Layout::kBlocked) {
    copy_runs(l, node, *slice);
    return true;
  }
  const auto in = image_of(l, node.inputs[0]);
  add_rows(l, node, [=, slice = *slice](const float* x, float* y, const Row& at) {
    const float* from =
        x + in.at(slice.begins[0] + at.image * slice.steps[0], at.channel, slice.begins[2] + at.row * slice.steps[2]) + slice.begins[3] * in.lanes;
    kernels::copy_pixels(from, slice.steps[3], y, 1, slice.shape[3], in.lanes);
  });
  return true;
}

}  // namespace scissionlite::native
