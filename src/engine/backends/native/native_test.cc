#include <gtest/gtest.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/test_messages.h"
#include "engine/backends/native/conv_problems.h"
#include "engine/backends/native/explain.h"
#include "engine/backends/native/lowering.h"
#include "engine/engine.h"
#include "kernels/vector/loops.h"
#include "ops/ops.h"
#include "optimise/optimise.h"
#include "tune/conv_space.h"

namespace scissionlite {
namespace {

Tensor random_tensor(Rng& rng, Shape shape) {
  Tensor t(Dtype::kF32, std::move(shape));
  for (float& v : t.mutable_as<float>()) v = static_cast<float>(rng.normal());
  return t;
}

/// A graph written node by node.
struct Builder {
  Graph graph;
  Rng rng{7};

  explicit Builder(Shape input) {
    graph.name = "test";
    graph.opsets = {{"", 13}};
    graph.inputs = {{"x", Dtype::kF32, std::move(input), /*has_shape=*/true, {}}};
  }
  std::string add(const std::string& op, std::vector<std::string> inputs, std::map<std::string, Attribute> attributes = {}) {
    Node node;
    node.op_type = op;
    node.name = op + std::to_string(graph.nodes.size());
    node.inputs = std::move(inputs);
    node.outputs = {"v" + std::to_string(graph.nodes.size())};
    node.attributes = std::move(attributes);
    graph.nodes.push_back(node);
    return node.outputs[0];
  }
  std::string weights(Shape shape) {
    const auto name = "w" + std::to_string(graph.initializers.size());
    graph.initializers[name] = random_tensor(rng, std::move(shape));
    return name;
  }
  std::string ints(const std::vector<int64_t>& values) {
    const auto name = "w" + std::to_string(graph.initializers.size());
    graph.initializers[name] = Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, std::span<const int64_t>(values));
    return name;
  }
  std::pair<std::string, std::string> add_split(const std::string& x) {
    const auto first = add("Split", {x}, {{"axis", int64_t{1}}}), second = first + "_1";
    graph.nodes.back().outputs.push_back(second);
    return {first, second};
  }
  std::string conv(const std::string& x, int64_t in, int64_t out, int64_t kernel) {
    const std::vector<int64_t> pads(4, kernel / 2);
    return add("Conv", {x, weights({out, in, kernel, kernel}), weights({out})}, {{"pads", pads}});
  }
  Graph with_output(const std::string& value) {
    graph.outputs = {{value, Dtype::kF32, {}, /*has_shape=*/false, {}}};
    ops::infer_shapes(graph);
    return graph;
  }
};

void expect_like_reference(const Graph& graph, const std::vector<Shape>& shapes, double tolerance = 1e-5) {
  auto native = compile(graph, "native", {.threads = 2}), reference = compile(graph, "reference");
  Rng rng(11);
  for (const auto& shape : shapes) {
    const Tensor x = random_tensor(rng, shape);
    const auto expected = reference->run(std::span(&x, 1)), got = native->run(std::span(&x, 1));
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].shape(), expected[i].shape());
      EXPECT_LE(max_relative_error(got[i], expected[i]), tolerance) << to_string(shape);
    }
  }
}

/// How the steps are done, by implementation.
int64_t count_steps(const Graph& graph, const std::string& implementation) {
  const auto program = native::lower(graph, {&kernels::best_loops(), 1});
  return std::count_if(program.steps.begin(), program.steps.end(), [&](const auto& step) { return step.implementation == implementation; });
}

TEST(Native, ConcatenationsOfADenseBlockCopyNothing) {
  Builder b({1, 3, 12, 12});
  std::vector<std::string> features{b.conv("x", 3, 32, 3)};
  for (int i = 0; i < 3; ++i) {
    const auto joined = i == 0 ? features[0] : b.add("Concat", features, {{"axis", int64_t{1}}});
    features.push_back(b.conv(b.add("Relu", {joined}), 32 + 16 * i, 16, 3));
  }
  const Graph graph = b.with_output(b.conv(b.add("Concat", features, {{"axis", int64_t{1}}}), 80, 8, 1));
  EXPECT_EQ(count_steps(graph, "in place"), 3);
  EXPECT_EQ(count_steps(graph, "copy"), 0);
  expect_like_reference(graph, {{1, 3, 12, 12}, {1, 3, 12, 12}});
}

TEST(Native, ConcatenationsAcrossLanes) {
  for (const auto& channels : std::vector<std::vector<int64_t>>{{5, 7, 3}, {16, 5}, {5, 16}, {16, 16, 3}, {1, 1}}) {
    Builder b({2, 3, 5, 6});
    std::vector<std::string> parts;
    int64_t sum = 0;
    for (const auto c : channels) parts.push_back(b.conv("x", 3, c, 1)), sum += c;
    parts.push_back(parts[0]);  // the same value twice
    sum += channels[0];
    const Graph graph = b.with_output(b.conv(b.add("Concat", parts, {{"axis", int64_t{1}}}), sum, 9, 3));
    expect_like_reference(graph, {{2, 3, 5, 6}});
  }
}

TEST(Native, AConcatenationOfInputsAndOfItself) {
  Builder b({1, 16, 4, 4});
  const auto twice = b.add("Concat", {"x", "x"}, {{"axis", int64_t{1}}});
  expect_like_reference(b.with_output(b.add("Concat", {twice, b.conv(twice, 32, 16, 1), twice}, {{"axis", int64_t{1}}})), {{1, 16, 4, 4}});
}

TEST(Native, ShuffledChannelsAreGatheredOnce) {
  Builder b({2, 3, 6, 5});
  auto left = b.conv("x", 3, 7, 1), right = b.conv("x", 3, 7, 3);
  for (int unit = 0; unit < 3; ++unit) {
    const auto joined = b.add("Concat", {left, right}, {{"axis", int64_t{1}}});
    const auto groups = b.add("Reshape", {joined, b.ints({2, 2, 7, 6, 5})});
    const auto shuffled = b.add("Reshape", {b.add("Transpose", {groups}, {{"perm", std::vector<int64_t>{0, 2, 1, 3, 4}}}), b.ints({2, 14, 6, 5})});
    const auto halves = b.add_split(shuffled);
    left = halves.first;
    right = b.conv(halves.second, 7, 7, 3);
  }
  Graph graph = b.with_output(b.add("Concat", {left, right}, {{"axis", int64_t{1}}}));
  expect_like_reference(graph, {{2, 3, 6, 5}});
  optimise(graph);
  EXPECT_EQ(count_steps(graph, "gather"), 4);  // what each convolution reads, and the answer
  EXPECT_EQ(count_steps(graph, "reference"), 0);
}

TEST(Native, SqueezeAndExcite) {
  Builder b({1, 3, 9, 7});
  const auto features = b.conv("x", 3, 20, 3);
  const auto gate = b.add("HardSigmoid", {b.conv(b.add("Relu", {b.conv(b.add("GlobalAveragePool", {features}), 20, 6, 1)}), 6, 20, 1)});
  expect_like_reference(b.with_output(b.add("HardSwish", {b.add("Mul", {gate, features})})), {{1, 3, 9, 7}});
}

TEST(Native, AnOpenBatch) {
  Builder b({-1, 3, 8, 8});
  const auto pooled = b.add("GlobalAveragePool", {b.add("MaxPool", {b.conv("x", 3, 10, 3)}, {{"kernel_shape", std::vector<int64_t>{3, 3}}, {"strides", std::vector<int64_t>{2, 2}}})});
  const auto flat = b.add("Flatten", {pooled});
  expect_like_reference(b.with_output(b.add("Gemm", {flat, b.weights({5, 10}), b.weights({5})}, {{"transB", int64_t{1}}})), {{1, 3, 8, 8}, {3, 3, 8, 8}, {1, 3, 8, 8}});
}

TEST(Native, OutputsThatAreInputsOrConstants) {
  Builder b({1, 4});
  const auto same = b.add("Identity", {"x"});
  Graph graph = b.with_output(same);
  auto executable = compile(graph, "native");
  Tensor x = Tensor::of<float>({1, 4}, {1, 2, 3, 4});
  const auto y = executable->run(std::span(&x, 1))[0];
  EXPECT_NE(y.data(), x.data());
  EXPECT_TRUE(bit_equal(x, y));
}

class NativeTuning : public testing::Test {
 protected:
  NativeTuning() : file_(fs::temp_directory_path() / ("native_tuning_" + std::to_string(getpid()) + ".json")) {
    Builder b({1, 16, 12, 12});
    graph_ = b.with_output(b.conv("x", 16, 24, 3));
  }
  ~NativeTuning() override { fs::remove(file_); }
  fs::path file_;
  Graph graph_;
};

TEST_F(NativeTuning, IsWhatTheModelIsComputedBy) {
  const auto problem = conv_problems(graph_, 1).at(0).problem;
  auto knobs = kernels::conv_implementation("direct").usual(problem, kernels::best_loops());
  knobs["vectors"] = 1;
  tune::Database database;
  database.add(tune::key_of(problem, kernels::best_loops(), 1), {"direct", knobs, 1, 2, 3, "genetic"});
  write_json(file_, tune::to_json(database));
  const auto explanation = explain_native(graph_, {.threads = 1, .tuning = file_.string()}, 1);
  EXPECT_TRUE(std::any_of(explanation.steps.begin(), explanation.steps.end(), [&](const auto& step) { return step.implementation == tune::describe("direct", knobs); }));
  Rng rng(3);
  const Tensor x = random_tensor(rng, {1, 16, 12, 12});
  const auto expected = compile(graph_, "reference")->run(std::span(&x, 1)), got = compile(graph_, "native", {.threads = 1, .tuning = file_.string()})->run(std::span(&x, 1));
  EXPECT_LE(max_relative_error(got[0], expected[0]), 1e-5);
}

TEST_F(NativeTuning, OfAnUnreadableFileIsRefused) {
  write_file(file_, "{\"schema\": \"scissionlite.plan/1\"}");
  EXPECT_NE(message_of([&] { (void)compile(graph_, "native", {.threads = 1, .tuning = file_.string()}); }).find("expected 'scissionlite.tuning/1'"), std::string::npos);
}

TEST(Native, AnUnknownOperatorIsNamed) {
  Builder b({1, 4});
  Graph graph = b.with_output(b.add("Frobnicate", {"x"}));
  try {
    (void)compile(graph, "native");
    FAIL();
  } catch (const Unsupported& e) {
    EXPECT_NE(std::string(e.what()).find("Frobnicate0"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace scissionlite
