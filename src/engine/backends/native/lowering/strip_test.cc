// Strips: random elementwise graphs fused and not, plans of programs, and where they run.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstring>

#include "engine/backends/native/run_state.h"
#include "engine/backends/native/test_native.h"
#include "kernels/strip/strip_walk.h"

namespace scissionlite {
namespace {

using namespace testing_graphs;
using testing_native::count_steps;
using testing_native::expect_fast_and_like_reference;

/// Elementwise nodes over values of one shape, with operands that are repeated along any dimensions.
class RandomElementwise {
 public:
  RandomElementwise(Shape shape, int64_t opset, uint64_t seed) : m_(opset, seed), shape_(std::move(shape)) {
    values_ = {m_.input(shape_), m_.input(shape_)};
    if (shape_.size() == 4 && chance(0.5)) values_.push_back(m_.op("MaxPool", {values_[0]}, {{"kernel_shape", Ints{1, 1}}}));  // lies blocked
  }
  Graph make(int nodes) {
    for (int i = 0; i < nodes; ++i) values_.push_back(node());
    m_.output(values_.back());
    if (const auto& other = pick(); other != values_.back()) m_.output(other);
    return m_.finish();
  }

 private:
  bool chance(double p) { return m_.rng().uniform() < p; }
  const std::string& pick() { return chance(0.7) ? values_.back() : values_[m_.rng().below(values_.size())]; }
  Shape repeated() {
    Shape out = shape_;
    for (auto& size : out)
      if (chance(0.6)) size = 1;
    if (chance(0.3)) out.erase(out.begin());
    return out;
  }
  std::string operand() {
    if (chance(0.4)) return pick();
    if (chance(0.3)) return m_.scalar(static_cast<float>(m_.rng().uniform(0.5, 2)));
    return chance(0.5) ? m_.weights(repeated(), 0.5, 2) : m_.input(repeated());
  }
  std::string node() {
    const char *unary[] = {"Floor", "Ceil", "Round", "Neg", "Abs", "Sqrt", "Reciprocal"},
               *functions[] = {"Relu", "LeakyRelu", "HardSigmoid", "Sigmoid", "Tanh", "Elu"}, *binary[] = {"Add", "Sub", "Mul", "Div", "Min", "Max"};
    const double kind = m_.rng().uniform();
    if (kind < 0.2) return m_.op(unary[m_.rng().below(7)], {pick()});
    if (kind < 0.35) return chance(0.3) ? m_.clip(pick(), -1, 2) : m_.op(functions[m_.rng().below(6)], {pick()});
    if (kind < 0.45 && shape_.size() > 1) return m_.batch_norm(pick(), shape_[1]);
    if (kind < 0.55) return m_.op(chance(0.5) ? "Sum" : "Min", {pick(), pick(), operand()});
    const char* type = binary[m_.rng().below(6)];
    return chance(0.5) ? m_.op(type, {pick(), operand()}) : m_.op(type, {operand(), pick()});
  }
  Maker m_;
  Shape shape_;
  std::vector<std::string> values_;
};

std::vector<Tensor> run_as(const Graph& graph, const kernels::VectorLoops& loops, int threads, const std::vector<Tensor>& inputs) {
  native::RunState state(std::make_shared<const native::Program>(native::lower(graph, {.loops = &loops, .threads = threads})), threads);
  return state.run(inputs);
}

/// Alike in every bit, and all that is no number alike.
bool are_same(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return false;
  const auto x = a.as<float>(), y = b.as<float>();
  for (size_t i = 0; i < x.size(); ++i)
    if (std::memcmp(&x[i], &y[i], sizeof(float)) != 0 && !(std::isnan(x[i]) && std::isnan(y[i]))) return false;
  return true;
}

Graph optimised(Graph graph, const std::vector<std::string>& leave_out = {}) {
  optimise(graph, {.leave_out = leave_out, .choose = {}});
  return graph;
}

RC_GTEST_PROP(RandomStrips, GiveEveryBitThatTheirStepsGive, ()) {
  const auto seed = *rc::gen::inRange<uint64_t>(0, 1 << 30);
  const auto shape = *rc::gen::element(Shape{2, 16, 3, 5}, Shape{1, 37, 4, 4}, Shape{3, 5, 1, 1}, Shape{1, 3, 40, 60}, Shape{2, 20, 31, 9},
                                       Shape{2, 7}, Shape{3, 4, 17}, Shape{5}, Shape{2, 3, 1, 4, 6});
  const auto opset = *rc::gen::element<int64_t>(9, 13, 18);
  const Graph graph = RandomElementwise(shape, opset, seed).make(*rc::gen::inRange(1, 16));
  const Graph fused = optimised(graph), single = optimised(graph, {"fuse_elementwise"});
  const auto inputs = random_inputs(graph, seed);
  for (const auto* loops : kernels::all_loops())
    for (const int threads : {1, 3}) {
      const auto got = run_as(fused, *loops, threads, inputs), expected = run_as(single, *loops, 1, inputs);
      for (size_t i = 0; i < expected.size(); ++i) RC_ASSERT(are_same(got[i], expected[i]));
    }
}

TEST(Strips, AnEncoderIsOneStrip) {  // without Floor, which the Cast does
  for (const auto& shape : {Shape{2, 24, 11, 13}, Shape{1, 64, 28, 28}, Shape{1, 3, 7, 5}}) {
    Maker m;
    const auto x = m.op("Relu", {m.op("MaxPool", {m.input(shape)}, {{"kernel_shape", Ints{1, 1}}})});
    const auto low = m.op("ReduceMin", {x}, {{"axes", Ints{1, 2, 3}}}), high = m.op("ReduceMax", {x}, {{"axes", Ints{1, 2, 3}}});
    const auto scaled = m.op("Mul", {m.op("Sub", {x, low}), m.op("Div", {m.scalar(255), m.op("Sub", {high, low})})});
    m.output(m.op("Cast", {m.clip(m.op("Floor", {m.op("Add", {scaled, m.scalar(0.5F)})}), 0, 255)}, {{"to", static_cast<int64_t>(Dtype::kU8)}}));
    const Graph graph = m.finish();
    EXPECT_EQ(count_steps(optimised(graph), "strip of 4"), 1) << to_string(shape);
    expect_fast_and_like_reference(graph);
  }
}

TEST(Strips, OfWhatAConvolutionReadsAndMakes) {
  for (const int64_t channels : {5, 16, 40}) {
    Maker m;
    const auto x = m.conv(m.input({2, 3, 9, 7}), 3, channels, 3);
    const auto gate = m.op("HardSigmoid", {m.op("GlobalAveragePool", {x})});
    const auto y =
        m.op("Div", {m.op("Tanh", {m.op("Mul", {x, gate})}), m.op("Add", {m.op("Abs", {x}), m.scalar(1)})});  // lanes without a channel divide 0 by 1
    const auto z = m.op("Reciprocal", {m.op("Sub", {m.op("Abs", {y}), m.scalar(3)})}),
               w = m.op("Sqrt", {m.op("Abs", {m.op("Div", {y, m.op("Abs", {x})})})});
    m.output(m.conv(z, channels, 4, 1));
    m.output(m.conv(w, channels, 4, 1));
    expect_fast_and_like_reference(m.finish(), 1e-5);
  }
}

TEST(Strips, OfNothingButAScaleAndAnOffset) {
  for (const int64_t channels : {5, 16, 40}) {
    Maker m;
    const auto x = m.conv(m.input({2, 3, 9, 7}), 3, channels, 3), scale = m.input({channels, 1, 1}), offset = m.input({2, channels, 1, 1});
    const Graph graph = with_output(m, m.conv(m.op("Relu", {m.op("Add", {offset, m.op("Mul", {x, scale})})}), channels, 4, 1));
    EXPECT_EQ(count_steps(optimised(graph), "strip of 3"), 1);
    expect_fast_and_like_reference(graph, 1e-5);
  }
}

TEST(Strips, LieInAConcatenation) {
  Maker m;
  const auto x = m.conv(m.input({1, 3, 8, 8}), 3, 32, 3), y = m.op("Tanh", {m.op("Abs", {x})});
  const Graph graph =
      with_output(m, m.conv(m.op("Concat", {y, m.op("Floor", {m.op("Abs", {m.conv(x, 32, 32, 1)})})}, {{"axis", int64_t{1}}}), 64, 4, 1));
  EXPECT_EQ(count_steps(optimised(graph), "strip of 2"), 2);
  EXPECT_EQ(count_steps(optimised(graph), "in place"), 1);
  expect_fast_and_like_reference(graph, 1e-5);
}

TEST(Strips, OverShortRowsOfSeveralKinds) {
  for (const auto& shape : {Shape{2, 24, 7, 7}, Shape{1, 130, 3, 5}, Shape{3, 5, 1, 9}}) {
    Maker m;
    const auto x = m.input(shape), y = m.input({shape[2], shape[3]}), z = m.input({shape[1], 1, 1}), image = m.input({shape[0], 1, 1, 1});
    auto v = m.op("Add", {m.op("Mul", {m.op("Abs", {x}), z}), m.scalar(0.5F)});
    v = m.op("Sub", {image, m.op("Mul", {m.op("Max", {y, v}), m.op("Neg", {x})})});
    m.output(m.op("Add", {m.op("Mul", {v, m.weights({shape[1], 1, 1})}), m.weights({shape[1], 1, 1})}));
    const Graph graph = m.finish();
    EXPECT_EQ(optimised(graph).nodes.size(), 1u);
    expect_fast_and_like_reference(graph, 1e-6);  // constants a channel become a product and a sum
  }
}

TEST(Strips, SumsAndExtremesOfManyRunByVectors) {
  Maker m;
  const auto x = m.input({2, 5, 6, 7}), y = m.input({2, 5, 6, 7}), small = m.input({5, 1, 1});
  for (const char* type : {"Sum", "Min", "Max"}) {
    m.output(m.op(type, {x, y}));
    m.output(m.op(type, {x, small, y}));
    m.output(m.op(type, {small, x}));
  }
  expect_fast_and_like_reference(m.finish());
}

using kernels::plan_strip;
using kernels::Second;
using kernels::StripOperation;

TEST(StripPlan, AChainNeedsNoMemoryButTheResults) {
  const auto plan = plan_strip({1, {{"Abs", {0}}, {"Tanh", {1}}, {"Neg", {2}}}}, {Second::kWhole});
  ASSERT_EQ(plan.operations.size(), 3u);
  EXPECT_EQ(plan.buffers, 0);
  EXPECT_EQ(plan.operations[0].a, 0);
  for (const auto& operation : plan.operations) EXPECT_EQ(operation.y, plan.result());
}

TEST(StripPlan, ValuesThatLiveAtATimeHavePlacesOfTheirOwn) {
  // ((x + y) * |x + y|) - tanh(x + y)
  const auto plan =
      plan_strip({2, {{"Add", {0, 1}}, {"Abs", {2}}, {"Mul", {2, 3}}, {"Tanh", {2}}, {"Sub", {4, 5}}}}, {Second::kWhole, Second::kWhole});
  EXPECT_EQ(plan.buffers, 1);
  EXPECT_NE(plan.operations[1].y, plan.operations[0].y);
  EXPECT_EQ(plan.operations[2].y, plan.operations[1].y);
  EXPECT_EQ(plan.operations.back().y, plan.result());
}

TEST(StripPlan, AScaleAnOffsetAndAnActivationAreOneCall) {
  const std::vector<Second> seconds{Second::kWhole, Second::kPerChannel, Second::kPerChannel};
  const auto plan = plan_strip({3, {{"Mul", {1, 0}}, {"Add", {2, 3}}, {"Relu", {4}}, {"Floor", {5}}}}, seconds);
  ASSERT_EQ(plan.operations.size(), 2u);
  EXPECT_EQ(plan.operations[0].kind, StripOperation::Kind::kScaleShift);
  EXPECT_EQ(plan.operations[0].activation.kind, kernels::ActivationKind::kRelu);
  EXPECT_EQ(plan.operations[0].b, 1);
  EXPECT_EQ(plan.operations[0].c, 2);
  EXPECT_EQ(plan_strip({3, {{"Mul", {1, 0}}, {"Add", {2, 3}}, {"Mul", {3, 4}}}}, seconds).operations.size(), 3u) << "the product is read twice";
}

TEST(StripPlan, KnowsWhatLeavesLanesThatAreNoNumber) {
  const std::vector<Second> seconds{Second::kWhole, Second::kPerChannel};
  EXPECT_TRUE(plan_strip({2, {{"Div", {0, 1}}, {"Abs", {2}}}}, seconds).makes_finite);
  EXPECT_FALSE(plan_strip({2, {{"Div", {1, 0}}, {"Abs", {2}}}}, seconds).makes_finite);
  EXPECT_FALSE(plan_strip({2, {{"Abs", {0}}, {"Sqrt", {2}}}}, seconds).makes_finite);
}

TEST(StripWalk, RowsAreAsLongAsEveryOperandGoesOnAlike) {
  const Shape result{2, 3, 4, 5};
  const std::vector<Shape> per_channel{result, {3, 1, 1}, {}}, mixed{result, {4, 1}, {2, 1, 4, 5}};
  const auto walk = kernels::plain_walk(result, per_channel);
  EXPECT_EQ(walk.length, 20);
  EXPECT_EQ(walk.outer, (Shape{2, 3}));
  EXPECT_EQ(walk.seconds(), (std::vector{Second::kWhole, Second::kOne, Second::kOne}));
  EXPECT_EQ(walk.operands[1].strides, (std::vector<int64_t>{0, 1}));
  EXPECT_TRUE(walk.operands[0].is_continuous && !walk.operands[1].is_continuous && walk.operands[2].is_continuous);
  const auto short_rows = kernels::plain_walk(result, mixed);
  EXPECT_EQ(short_rows.length, 5);
  EXPECT_EQ(short_rows.seconds(), (std::vector{Second::kWhole, Second::kOne, Second::kWhole}));
  EXPECT_EQ(short_rows.operands[2].strides, (std::vector<int64_t>{20, 0, 5}));
}

}  // namespace
}  // namespace scissionlite
