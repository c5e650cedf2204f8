// Cast, functions of single values, arithmetic with repeated operands, extremes: what transfer layers are made of.
#include <cmath>

#include "engine/backends/native/test_native.h"

namespace scissionlite {
namespace {

using namespace testing_graphs;
using testing_native::expect_fast_and_like_reference;

/// As it comes, and lying blocked.
std::string maybe_blocked(Maker& m, const std::string& x, bool is_blocked) {
  return is_blocked ? m.op("MaxPool", {x}, {{"kernel_shape", Ints{1, 1}}}) : x;
}

class EveryShape : public testing::TestWithParam<Shape> {};

TEST_P(EveryShape, CastOfFloats) {
  for (const auto to : {Dtype::kF16, Dtype::kU8, Dtype::kI8})
    for (const bool is_blocked : {false, true}) {
      Maker m;
      const auto scaled = m.op("Mul", {m.input(GetParam()), m.scalar(90)});  // beyond the ends of bytes
      m.output(m.op("Cast", {maybe_blocked(m, scaled, is_blocked)}, {{"to", static_cast<int64_t>(to)}}));
      expect_fast_and_like_reference(m.finish());
    }
}

TEST_P(EveryShape, CastToFloats) {
  for (const auto from : {Dtype::kF16, Dtype::kU8})
    for (const bool is_blocked : {false, true}) {
      Maker m;
      m.output(maybe_blocked(m, m.op("Cast", {m.input(GetParam(), from)}, {{"to", static_cast<int64_t>(Dtype::kF32)}}), is_blocked));
      expect_fast_and_like_reference(m.finish());
    }
}

TEST_P(EveryShape, FunctionsOfSingleValues) {
  for (const bool is_blocked : {false, true}) {
    Maker m;
    const auto x = maybe_blocked(m, m.input(GetParam()), is_blocked);
    for (const char* type : {"Floor", "Ceil", "Round", "Neg", "Abs", "Reciprocal"}) m.output(m.op(type, {x}));
    m.output(m.op("Sqrt", {m.op("Abs", {x})}));
    expect_fast_and_like_reference(m.finish());
  }
}

TEST_P(EveryShape, ExtremesOfAllButTheBatch) {
  for (const char* type : {"ReduceMin", "ReduceMax"})
    for (const auto& axes : {Ints{1, 2, 3}, Ints{-1}, Ints{0, 1, 2, 3}, Ints{2, 3}})
      for (const bool is_blocked : {false, true}) {
        Maker m;
        // far from zero, which lanes without a channel hold
        const auto x = m.op("Add", {m.input(GetParam()), m.scalar(type == std::string("ReduceMin") ? 100 : -100)});
        m.output(m.op(type, {maybe_blocked(m, x, is_blocked)}, {{"axes", axes}, {"keepdims", static_cast<int64_t>(axes.size() % 2)}}));
        expect_fast_and_like_reference(m.finish());
      }
}

TEST_P(EveryShape, ArithmeticWithRepeatedOperands) {
  const Shape s = GetParam();
  for (const Shape& small : {Shape{1, s[1], 1, 1}, Shape{s[1], 1, 1}, Shape{s[0], s[1], 1, 1}, Shape{1, 1, s[2], s[3]}, Shape{s[2], s[3]},
                             Shape{s[0], 1, s[2], s[3]}, Shape{s[3]}, Shape{s[2], 1}, Shape{s[0], 1, 1, 1}, Shape{}, s})
    for (const char* type : {"Add", "Sub", "Mul", "Div"})
      for (const bool is_blocked : {false, true})
        for (const bool is_constant : {false, true}) {
          SCOPED_TRACE(std::string(type) + " of " + to_string(s) + " and " + to_string(small));
          Maker m;
          const auto x = maybe_blocked(m, m.input(s), is_blocked);
          const auto other = is_constant ? m.weights(small, 0.5, 2) : m.op("Add", {m.op("Abs", {m.input(small)}), m.scalar(0.5F)});
          m.output(m.op(type, {x, other}));
          if (type != std::string("Div")) m.output(m.op(type, {other, x}));
          expect_fast_and_like_reference(m.finish(), 1e-6);  // constants a channel become products and sums
        }
}

TEST_P(EveryShape, LanesWithoutChannelsStayFinite) {
  const Shape s = GetParam();
  Maker m;
  const auto x = m.conv(m.input(s), s[1], 5, 1), positive = m.op("Add", {m.op("Abs", {x}), m.scalar(1)});
  for (const auto& y : {m.op("Div", {x, positive}), m.op("Div", {m.scalar(3), positive}), m.op("Reciprocal", {positive}),
                        m.op("Div", {x, m.op("Add", {m.op("Abs", {m.op("GlobalMaxPool", {x})}), m.scalar(1)})})})
    m.output(m.conv(y, 5, 3, 1));
  expect_fast_and_like_reference(m.finish(), 1e-5);
}

TEST_P(EveryShape, GlobalMaxPoolAndJoins) {
  Maker m;
  const auto x = m.op("Sub", {m.input(GetParam()), m.scalar(50)});
  m.output(m.op("GlobalMaxPool", {x}));
  for (const int64_t axis : {0, 2, 3}) m.output(m.op("Concat", {x, maybe_blocked(m, x, true)}, {{"axis", axis}}));
  const auto flat = m.op("Reshape", {x, m.ints({GetParam()[0], -1})});
  m.output(m.op("Concat", {flat, m.op("Floor", {flat}), flat}, {{"axis", int64_t{1}}}));
  expect_fast_and_like_reference(m.finish());
}

TEST_P(EveryShape, AScaleAndAnOffsetOfPlainValues) {
  const int64_t count = element_count(GetParam()) / GetParam()[0];
  for (const Shape& shape : {Shape{GetParam()[0], count}, Shape{GetParam()[0], GetParam()[1], count / GetParam()[1]}})
    for (const bool is_one : {false, true}) {
      Maker m;
      const auto x = m.op("Tanh", {m.input(shape)});
      Shape each(shape.size(), 1);
      each[1] = shape[1];
      m.output(m.op("Mul", {m.op("Add", {x, is_one ? m.scalar(0.5F) : m.weights(each)}), is_one ? m.scalar(0.25F) : m.weights(each)}));
      expect_fast_and_like_reference(m.finish(), 1e-5);
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, EveryShape,
                         testing::Values(Shape{1, 16, 4, 4}, Shape{2, 5, 3, 7}, Shape{1, 1, 9, 9}, Shape{2, 37, 1, 1}, Shape{3, 24, 11, 13},
                                         Shape{1, 2, 1, 1}),
                         [](const auto& info) { return "shape" + std::to_string(info.index); });

/// Runs one node on given floats, in blocks and not.
void expect_same(const std::string& type, const std::vector<float>& values, const Attributes& attributes = {}) {
  for (const auto* loops : kernels::all_loops()) {
    Maker m;
    const auto count = static_cast<int64_t>(values.size());
    m.output(m.op(type, {m.input({1, count})}, attributes));
    const Graph graph = m.finish();
    const auto x = Tensor::of<float>({1, count}, std::span<const float>(values));
    const auto expected = run_nodes(graph, {x})[0];
    const auto program = native::lower(graph, {loops, 1});
    ASSERT_EQ(program.steps.size(), 1u);
    Tensor y(expected.dtype(), expected.shape());
    native::Frame frame;
    frame.slots.resize(program.slots.size());
    frame.slots[static_cast<size_t>(program.inputs[0])] = const_cast<std::byte*>(x.data());
    frame.slots[static_cast<size_t>(program.outputs[0])] = y.mutable_data();
    std::vector<std::byte> scratch(4096);
    frame.scratch = scratch.data();
    program.steps[0].run(frame);
    EXPECT_EQ(max_relative_error(y, expected), 0) << type << " " << loops->isa;
  }
}

std::vector<float> hard_values() {
  std::vector<float> values{0.F,     -0.F,     0.5F,      -0.5F,   1.5F,       2.5F,       -1.5F,       -2.5F,     254.9F,     255.F,
                            255.5F,  256.F,    -127.5F,   -128.5F, 127.5F,     8388607.5F, -8388607.5F, 8388608.F, 16777217.F, 1e30F,
                            -1e30F,  INFINITY, -INFINITY, NAN,     65504.F,    65519.F,    65520.F,     65536.F,   6.1e-5F,    6.0e-8F,
                            2.9e-8F, 3e-8F,    5.96e-8F,  1e-40F,  1.0009766F, 1.0004883F, 1.0014648F,  2047.5F,   2048.5F};
  Rng rng(7);
  for (int i = 0; i < 200; ++i) values.push_back(static_cast<float>(rng.normal() * std::pow(10, rng.uniform(-8, 8))));
  return values;
}

TEST(HardValues, AreCastAndRoundedAsByTheReferenceByEveryInstructionSet) {
  for (const auto to : {Dtype::kF16, Dtype::kU8, Dtype::kI8}) expect_same("Cast", hard_values(), {{"to", static_cast<int64_t>(to)}});
  for (const char* type : {"Floor", "Ceil", "Round", "Neg", "Abs", "Sqrt", "Reciprocal"}) expect_same(type, hard_values());
}

TEST(HardValues, ExtremesOfWhatIsNoNumber) {
  for (const char* type : {"ReduceMin", "ReduceMax"})
    for (size_t at = 0; at < 100; at += 7) {
      std::vector<float> values(100, 1);
      for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 37 % 100);
      expect_same(type, values, {{"axes", Ints{1}}});
      values[at] = NAN;
      expect_same(type, values, {{"axes", Ints{1}}});
    }
}

TEST(HardValues, EveryHalfIsReadByEveryInstructionSet) {
  std::vector<uint16_t> halves(65536);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<uint16_t>(i);
  for (const auto* loops : kernels::all_loops()) {
    std::vector<float> floats(halves.size());
    std::vector<uint16_t> back(halves.size());
    loops->cast(kernels::CastKind::kF16ToF32, halves.data(), floats.data(), 65536 - 3);
    loops->cast(kernels::CastKind::kF32ToF16, floats.data(), back.data(), 65536 - 3);
    for (size_t i = 0; i < halves.size() - 3; ++i) {
      const float expected = f16_to_f32(halves[i]);
      if (std::isnan(expected)) {
        ASSERT_TRUE(std::isnan(floats[i]) && std::isnan(f16_to_f32(back[i]))) << i << " " << loops->isa;
      } else {
        ASSERT_EQ(floats[i], expected) << i << " " << loops->isa;
        ASSERT_EQ(back[i], halves[i]) << loops->isa;
      }
    }
  }
}

}  // namespace
}  // namespace scissionlite
