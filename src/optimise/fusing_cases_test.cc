// Cases of the passes that make one node of several.
#include "optimise/test_cases.h"

namespace scissionlite::testing_graphs {
namespace {

const Shape kImage{-1, 4, 6, 5};

/// As an encoder has it: a range an image.
void quantiser(Maker& m) {
  const auto x = m.input(kImage), low = m.input({-1, 1, 1, 1}), scale = m.input({-1, 1, 1, 1});
  const auto level = m.op("Floor", {m.op("Add", {m.op("Mul", {m.op("Sub", {x, low}), scale}), m.scalar(0.5F)})});
  m.output(m.clip(level, 0, 255));
}

/// Two convolutions of one shape, added: the block of a residual network where it changes the number of channels.
void two_branches(Maker& m) {
  const auto x = m.input(kImage);
  m.output(m.op("Relu", {m.op("Add", {m.conv(x, 4, 8), m.conv(x, 4, 8, 1)})}));
}

void residual_after_activation(Maker& m) {
  const auto x = m.input(kImage);
  m.output(m.op("Add", {m.op("Relu", {m.conv(x, 4, 4)}), x}));
}

void inverted_residual(Maker& m) {
  const auto x = m.input(kImage), wide = m.clip(m.conv(x, 4, 8, 1), 0, 6);
  const auto deep = m.clip(m.conv(wide, 8, 8, 3, {{"group", int64_t{8}}}), 0, 6);
  m.output(m.op("Add", {x, m.conv(deep, 8, 4, 1)}));
}

}  // namespace

std::vector<Case> fusing_cases() {
  return {
      {"fuse_conv", "Conv, residual and activation", 2,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.output(m.op("Relu", {m.op("Add", {x, m.conv(x, 4, 4)})}));
       }},
      {"fuse_conv", "Sum of two and Clip with attributes", 2,
       [](Maker& m) {
         const auto x = m.input(kImage);
         m.output(m.clip(m.op("Sum", {m.conv(x, 4, 4, 3, {}, /*bias=*/false), x}), 0, 6));
       },
       9},
      {"fuse_conv", "HardSigmoid, LeakyRelu, Elu, Tanh, Sigmoid and HardSwish", 6,
       [](Maker& m) {
         auto y = m.op("HardSigmoid", {m.conv(m.input(kImage), 4, 4)}, {{"alpha", 0.25f}, {"beta", 0.4f}});
         y = m.op("LeakyRelu", {m.conv(y, 4, 4)}, {{"alpha", 0.3f}});
         y = m.op("Elu", {m.conv(y, 4, 4)}, {{"alpha", 0.7f}});
         y = m.op("Tanh", {m.conv(y, 4, 4)});
         y = m.op("Sigmoid", {m.conv(y, 4, 4)});
         m.output(m.op("HardSwish", {m.conv(y, 4, 4)}));
       },
       14},
      {"fuse_conv", "defaults of HardSigmoid, LeakyRelu and Elu", 3,
       [](Maker& m) {
         auto y = m.input(kImage);
         for (const char* type : {"HardSigmoid", "LeakyRelu", "Elu"}) y = m.op(type, {m.conv(y, 4, 4)});
         m.output(y);
       }},
      {"fuse_conv", "one dimension", 1,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Conv", {m.input({-1, 3, 9}), m.weights({2, 3, 3})})}));
       }},
      {"fuse_conv", "two branches: one takes the other as residual", 2, two_branches},
      {"fuse_conv", "a residual after the activation", 1, residual_after_activation},
      {"fuse_conv", "a residual that is repeated", 0,
       [](Maker& m) {
         m.output(m.op("Add", {m.conv(m.input(kImage), 4, 4), m.input({4, 1, 1})}));
       }},
      {"fuse_conv", "a residual that repeats the convolution", 0,
       [](Maker& m) {
         m.output(m.op("Add", {m.conv(m.input({1, 4, 6, 5}), 4, 4), m.input({3, 4, 6, 5})}));
       }},
      {"fuse_conv", "a residual whose height is open", 0,
       [](Maker& m) {
         const auto x = m.input({1, 4, -1, 5});
         m.output(m.op("Add", {m.conv(x, 4, 4), x}));
       }},
      {"fuse_conv", "twice the convolution", 0,
       [](Maker& m) {
         const auto y = m.conv(m.input(kImage), 4, 4);
         m.output(m.op("Add", {y, y}));
       }},
      {"fuse_conv", "the convolution is an output", 0,
       [](Maker& m) {
         const auto y = m.conv(m.input(kImage), 4, 4);
         m.output(y);
         m.output(m.op("Relu", {y}));
       }},
      {"fuse_conv", "the convolution has two readers", 0,
       [](Maker& m) {
         const auto y = m.conv(m.input(kImage), 4, 4);
         m.output(m.op("Relu", {y}));
         m.output(m.op("Neg", {y}));
       }},
      {"fuse_conv", "Clip whose bound is no constant", 0,
       [](Maker& m) {
         m.output(m.op("Clip", {m.conv(m.input(kImage), 4, 4), m.input({})}));
       }},
      {"fuse_conv", "an activation with weights", 0,
       [](Maker& m) {
         m.output(m.op("PRelu", {m.conv(m.input(kImage), 4, 4), m.weights({4, 1, 1})}));
       }},
      {"fuse_conv", "half precision", 0,
       [](Maker& m) {
         Tensor weights(Dtype::kF16, {1, 4, 1, 1});
         for (int k = 0; k < 4; ++k) reinterpret_cast<uint16_t*>(weights.mutable_data())[k] = f32_to_f16(0.5f);
         m.output(m.op("Relu", {m.op("Conv", {m.input(kImage, Dtype::kF16), m.constant(weights)})}));
       }},

      {"fuse_gemm", "Gemm and activation", 1,
       [](Maker& m) {
         m.output(m.op("Relu", {m.op("Gemm", {m.input({-1, 5}), m.weights({5, 3}), m.weights({3})})}));
       }},
      {"fuse_gemm", "Gemm with two readers", 0,
       [](Maker& m) {
         const auto y = m.op("Gemm", {m.input({-1, 5}), m.weights({5, 3})});
         m.output(m.op("Relu", {y}));
         m.output(m.op("Neg", {y}));
       }},

      {"fuse_channel_scale", "BatchNormalization and Relu", 2, [](Maker& m) { m.output(m.op("Relu", {m.batch_norm(m.input(kImage), 4)})); }},
      {"fuse_channel_scale", "BatchNormalization, Mul and Add", 3,
       [](Maker& m) {
         m.output(m.op("Add", {m.op("Mul", {m.batch_norm(m.input(kImage), 4), m.weights({4, 1, 1})}), m.weights({1, 4, 1, 1})}));
       },
       9},
      {"fuse_channel_scale", "Sub and Div of scalars", 1,
       [](Maker& m) {
         m.output(m.op("Div", {m.op("Sub", {m.input(kImage), m.scalar(0.5f)}), m.scalar(0.25f)}));
       }},
      {"fuse_channel_scale", "BatchNormalization of a matrix", 1,
       [](Maker& m) {
         m.output(m.batch_norm(m.input({-1, 7}), 7));
       }},
      {"fuse_channel_scale", "a lone Mul", 0,
       [](Maker& m) {
         m.output(m.op("Mul", {m.input(kImage), m.weights({4, 1, 1})}));
       }},
      {"fuse_channel_scale", "the value between is read elsewhere", 0,
       [](Maker& m) {
         const auto y = m.op("Mul", {m.input(kImage), m.weights({4, 1, 1})});
         m.output(m.op("Add", {y, m.weights({4, 1, 1})}));
         m.output(m.op("Neg", {y}));
       }},
      {"fuse_channel_scale", "a constant for each column", 0,
       [](Maker& m) {
         m.output(m.op("Add", {m.op("Mul", {m.input(kImage), m.weights({4, 1, 1})}), m.weights({5})}));
       }},
      {"fuse_channel_scale", "a scale of zero, then an offset", 1,
       [](Maker& m) {
         m.output(m.op("Add", {m.op("Mul", {m.input(kImage), m.scalar(0)}), m.weights({4, 1, 1})}));
       }},

      {"fuse_elementwise", "a chain with operands an image", 4, quantiser},
      {"fuse_elementwise", "Clip with attributes, HardSigmoid, LeakyRelu and Elu with constants of their own", 3,
       [](Maker& m) {
         auto y = m.op("HardSigmoid", {m.clip(m.input(kImage), -1, 2)}, {{"alpha", 0.3F}, {"beta", 0.1F}});
         y = m.op("LeakyRelu", {m.op("Neg", {y})}, {{"alpha", 0.1F}});
         m.output(y);
       },
       9},
      {"fuse_elementwise", "branches that meet again", 1,
       [](Maker& m) {
         const auto x = m.input(kImage), sum = m.op("Add", {x, m.input(kImage)});
         m.output(m.op("Mul", {m.op("Tanh", {sum}), m.op("Abs", {sum})}));
       }},
      {"fuse_elementwise", "one value twice", 1,
       [](Maker& m) {
         m.output(m.op("Mul", {m.op("Abs", {m.input(kImage)}), m.input(kImage)}));
       }},
      {"fuse_elementwise", "sums and extremes of three", 1,
       [](Maker& m) {
         const auto x = m.input(kImage), y = m.input(kImage);
         m.output(m.op("Max", {m.op("Sum", {x, y, x}), m.op("Min", {x, y, m.weights({4, 1, 1})}), y}));
       }},
      {"fuse_elementwise", "an operand repeated over both sides in turn", 1,
       [](Maker& m) {
         m.output(m.op("Sub", {m.weights({5}), m.op("Div", {m.weights({4, 1, 1}), m.op("Exp", {m.input(kImage)})})}));
       }},
      {"fuse_elementwise", "ChannelScale of different channels between others", 2,
       [](Maker& m) {
         const auto x = m.op("Abs", {m.input(kImage)});
         m.output(m.op("Floor", {m.fused("ChannelScale", {x, m.weights({4}), m.weights({4})}, {{"activation", std::string("HardSwish")}})}));
       }},
      {"fuse_elementwise", "ChannelScale of one value for all, of a matrix", 1,
       [](Maker& m) {
         const auto ones = m.constant(Tensor::of<float>({3}, std::vector<float>{2, 2, 2}));
         m.output(m.op("Floor", {m.fused("ChannelScale", {m.input({-1, 3}), ones, m.weights({3})})}));
       }},
      {"fuse_elementwise", "a Strip whose values have two shapes", 3,
       [](Maker& m) {
         const std::vector<std::string> program{"Tanh %1", "Abs %2", "Mul %0 %3", "Neg %4"};
         m.output(m.fused("Strip", {m.input(kImage), m.input({4, 1, 1})}, {{"program", program}}));
       }},
      {"fuse_elementwise", "a lone node", 0,
       [](Maker& m) {
         m.output(m.op("Mul", {m.input(kImage), m.weights({4, 1, 1})}));
       }},
      {"fuse_elementwise", "the value between is an output", 0,
       [](Maker& m) {
         const auto y = m.op("Abs", {m.input(kImage)});
         m.output(y);
         m.output(m.op("Floor", {y}));
       }},
      {"fuse_elementwise", "the value between is read by what is no step", 0,
       [](Maker& m) {
         const auto y = m.op("Abs", {m.input(kImage)});
         m.output(m.op("Floor", {y}));
         m.output(m.op("GlobalMaxPool", {y}));
       }},
      {"fuse_elementwise", "a gate that is repeated over the image", 0,
       [](Maker& m) {
         m.output(m.op("Mul", {m.input(kImage), m.op("Sigmoid", {m.input({-1, 4, 1, 1})})}));
       }},
      {"fuse_elementwise", "integers", 0,
       [](Maker& m) {
         m.output(m.op("Neg", {m.op("Add", {m.op("Cast", {m.input(kImage)}, {{"to", static_cast<int64_t>(Dtype::kI32)}}),
                                            m.constant(Tensor::of<int32_t>({1}, std::vector<int32_t>{3}))})}));
       }},
      {"fuse_elementwise", "half precision, which is rounded after each node", 0,
       [](Maker& m) { m.output(m.op("Tanh", {m.op("Tanh", {m.input(kImage, Dtype::kF16)})})); }},
      {"fuse_elementwise", "Clip whose bound is no constant", 0,
       [](Maker& m) {
         m.output(m.op("Clip", {m.op("Abs", {m.input(kImage)}), m.input({})}));
       }},
      {"fuse_elementwise", "between DequantizeLinear and QuantizeLinear", 0,
       [](Maker& m) {
         const auto scale = m.scalar(0.1F), zero = m.constant(Tensor::of<uint8_t>({}, std::vector<uint8_t>{128}));
         const auto x = m.op("DequantizeLinear", {m.input(kImage, Dtype::kU8), scale, zero});
         m.output(m.op("QuantizeLinear", {m.op("Tanh", {m.op("Abs", {x})}), scale, zero}));
       }},

      {"fuse_depthwise_pointwise", "depthwise, then pointwise", 1,
       [](Maker& m) {
         m.output(m.conv(m.conv(m.input(kImage), 4, 4, 3, {{"group", int64_t{4}}, {"strides", Ints{2, 1}}}, /*bias=*/false), 4, 6, 1));
       }},
      {"fuse_depthwise_pointwise", "depthwise with auto_pad and dilations", 1,
       [](Maker& m) {
         const auto y = m.op("Conv", {m.input(kImage), m.weights({4, 1, 3, 3})},
                             {{"group", int64_t{4}}, {"auto_pad", std::string("SAME_LOWER")}, {"dilations", Ints{2, 1}}});
         m.output(m.conv(y, 4, 6, 1, {}, /*bias=*/false));
       }},
      {"fuse_depthwise_pointwise", "an activation between, which fuse_conv has not taken", 0, inverted_residual},
      {"fuse_depthwise_pointwise", "pointwise with a stride", 0,
       [](Maker& m) {
         m.output(m.conv(m.conv(m.input(kImage), 4, 4, 3, {{"group", int64_t{4}}}), 4, 6, 1, {{"strides", Ints{2, 2}}}));
       }},
      {"fuse_depthwise_pointwise", "two kernels a channel", 0,
       [](Maker& m) {
         m.output(m.conv(m.conv(m.input(kImage), 4, 8, 3, {{"group", int64_t{4}}}), 8, 6, 1));
       }},
      {"fuse_depthwise_pointwise", "groups of two channels", 0,
       [](Maker& m) {
         m.output(m.conv(m.conv(m.input(kImage), 4, 4, 3, {{"group", int64_t{2}}}), 4, 6, 1));
       }},
      {"fuse_depthwise_pointwise", "3x3 after depthwise", 0,
       [](Maker& m) {
         m.output(m.conv(m.conv(m.input(kImage), 4, 4, 3, {{"group", int64_t{4}}}), 4, 6, 3));
       }},
      {"fuse_depthwise_pointwise", "the depthwise result is read elsewhere", 0,
       [](Maker& m) {
         const auto y = m.conv(m.input(kImage), 4, 4, 3, {{"group", int64_t{4}}});
         m.output(m.conv(y, 4, 6, 1));
         m.output(m.op("Relu", {y}));
       }},
  };
}

}  // namespace scissionlite::testing_graphs
