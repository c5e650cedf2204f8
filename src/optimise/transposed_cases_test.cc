// Cases of the passes that make convolutions of transposed ones.
#include "optimise/test_cases.h"

namespace scissionlite::testing_graphs {
namespace {

const Shape kImage{-1, 4, 6, 5};

/// Four channels to three.
std::string transposed(Maker& m, const std::string& x, const Ints& kernel, const Ints& strides, const Ints& pads, Attributes more = {}) {
  more.insert({{"strides", strides}, {"pads", pads}});
  return m.op("ConvTranspose", {x, m.weights({4, 3, kernel[0], kernel[1]}), m.weights({3})}, std::move(more));
}
template <int kKernel, int kStride, int kPad>
void square(Maker& m) {
  m.output(transposed(m, m.input(kImage), {kKernel, kKernel}, {kStride, kStride}, Ints(4, kPad)));
}

}  // namespace

std::vector<Case> transposed_cases() {
  return {
      {"form_conv_transpose", "one pixel", 1, square<1, 1, 0>},
      {"form_conv_transpose", "stride 1", 1, square<3, 1, 1>},
      {"form_conv_transpose", "stride 1 without pads", 1, square<4, 1, 0>},
      {"form_conv_transpose", "kernels that do not overlap", 1, square<2, 2, 0>},
      {"form_conv_transpose", "a kernel smaller than the stride", 1, square<1, 3, 0>},
      {"form_conv_transpose", "a kernel of many strides", 1, square<6, 2, 2>},
      {"form_conv_transpose", "pads within a stride that cost a tap more", 1, square<4, 2, 1>},
      {"form_conv_transpose", "pads within a stride that cost none", 1, square<3, 2, 1>},
      {"form_conv_transpose", "pads beyond a stride", 1, square<7, 3, 4>},
      {"form_conv_transpose", "stride 4", 1, square<5, 4, 0>},
      {"form_conv_transpose", "output padding", 1,
       [](Maker& m) {
         m.output(transposed(m, m.input(kImage), {3, 3}, {2, 2}, Ints(4, 1), {{"output_padding", Ints{1, 1}}}));
       }},
      {"form_conv_transpose", "pads and kernels that differ by axis", 1,
       [](Maker& m) {
         m.output(transposed(m, m.input(kImage), {5, 2}, {2, 2}, {3, 0, 1, 1}));
       }},
      {"form_conv_transpose", "large pads at the end", 1,
       [](Maker& m) {
         m.output(transposed(m, m.input(kImage), {2, 3}, {2, 2}, {0, 0, 5, 4}));
       }},
      {"form_conv_transpose", "pads in an old opset", 1, square<4, 2, 1>, 9},
      {"form_conv_transpose", "auto_pad SAME_UPPER", 1,
       [](Maker& m) {
         m.output(
             m.op("ConvTranspose", {m.input(kImage), m.weights({4, 3, 3, 4})}, {{"auto_pad", std::string("SAME_UPPER")}, {"strides", Ints{2, 2}}}));
       }},
      {"form_conv_transpose", "auto_pad SAME_LOWER", 1,
       [](Maker& m) {
         m.output(
             m.op("ConvTranspose", {m.input(kImage), m.weights({4, 3, 3, 4})}, {{"auto_pad", std::string("SAME_LOWER")}, {"strides", Ints{2, 2}}}));
       }},
      {"form_conv_transpose", "a given size", 1,
       [](Maker& m) {
         m.output(m.op("ConvTranspose", {m.input({2, 4, 6, 5}), m.weights({4, 3, 3, 3})}, {{"output_shape", Ints{11, 12}}, {"strides", Ints{2, 2}}}));
       }},
      {"form_conv_transpose", "sizes that are open", 1,
       [](Maker& m) {
         m.output(transposed(m, m.input({-1, 4, -1, 5}), {4, 4}, {2, 2}, Ints(4, 1)));
       }},
      {"form_conv_transpose", "a given size of an input whose size is open", 0,
       [](Maker& m) {
         m.output(m.op("ConvTranspose", {m.input({1, 4, -1, 5}), m.weights({4, 3, 3, 3})}, {{"output_shape", Ints{4, 12}}, {"strides", Ints{2, 2}}}));
       }},
      {"form_conv_transpose", "strides that differ by axis", 0,
       [](Maker& m) {
         m.output(transposed(m, m.input(kImage), {3, 3}, {2, 1}, Ints(4, 0)));
       }},
      {"form_conv_transpose", "dilations", 0,
       [](Maker& m) {
         m.output(transposed(m, m.input(kImage), {3, 3}, {1, 1}, Ints(4, 0), {{"dilations", Ints{2, 1}}}));
       }},
      {"form_conv_transpose", "groups", 0,
       [](Maker& m) {
         m.output(m.op("ConvTranspose", {m.input(kImage), m.weights({4, 3, 3, 3})}, {{"group", int64_t{2}}}));
       }},
      {"form_conv_transpose", "pads larger than the kernel", 0, square<2, 1, 2>},
      {"form_conv_transpose", "weights that are no constant", 0,
       [](Maker& m) {
         m.output(m.op("ConvTranspose", {m.input(kImage), m.input({4, 3, 2, 2})}));
       }},
      {"form_conv_transpose", "bias that is no constant", 0,
       [](Maker& m) {
         m.output(m.op("ConvTranspose", {m.input(kImage), m.weights({4, 3, 2, 2}), m.input({3})}));
       }},
      {"form_conv_transpose", "one dimension", 0,
       [](Maker& m) {
         m.output(m.op("ConvTranspose", {m.input({-1, 4, 9}), m.weights({4, 3, 2})}));
       }},

      {"delay_depth_to_space", "an activation", 1,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("DepthToSpace", {m.input(kImage)}, {{"blocksize", int64_t{2}}})}));
       }},
      {"delay_depth_to_space", "an activation with bounds that are constants", 1,
       [](Maker& m) {
         m.output(m.clip(m.op("DepthToSpace", {m.input(kImage)}, {{"blocksize", int64_t{2}}}), -1, 1));
       }},
      {"delay_depth_to_space", "an activation behind what cuts the edges off", 2,
       [](Maker& m) {
         const auto whole = m.op("DepthToSpace", {m.input(kImage)}, {{"blocksize", int64_t{2}}});
         m.output(m.op("Relu", {m.op("Slice", {whole, m.ints({1}), m.ints({-1}), m.ints({2})})}));
       }},
      {"delay_depth_to_space", "a sum of two", 1,
       [](Maker& m) {
         const auto x = m.input(kImage);
         const auto move = [&](const std::string& value) { return m.op("DepthToSpace", {value}, {{"blocksize", int64_t{2}}}); };
         m.output(m.op("Add", {move(m.op("Relu", {x})), move(x)}));
       }},
      {"delay_depth_to_space", "a sum of two orders", 0,
       [](Maker& m) {
         const auto x = m.input({-1, 8, 6, 5});
         m.output(m.op("Add", {m.op("DepthToSpace", {x}, {{"blocksize", int64_t{2}}}),
                               m.op("DepthToSpace", {x}, {{"blocksize", int64_t{2}}, {"mode", std::string("CRD")}})}));
       }},
      {"delay_depth_to_space", "a sum with itself", 0,
       [](Maker& m) {
         const auto y = m.op("DepthToSpace", {m.input(kImage)}, {{"blocksize", int64_t{2}}});
         m.output(m.op("Add", {y, y}));
       }},
      {"delay_depth_to_space", "the moved value is read elsewhere", 0,
       [](Maker& m) {
         const auto y = m.op("DepthToSpace", {m.input(kImage)}, {{"blocksize", int64_t{2}}});
         m.output(m.op("Relu", {y}));
         m.output(y);
       }},
      {"delay_depth_to_space", "an activation behind another Slice", 0,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Slice", {m.input(kImage), m.ints({1}), m.ints({-1}), m.ints({2})})}));
       }},
  };
}

}  // namespace scissionlite::testing_graphs
