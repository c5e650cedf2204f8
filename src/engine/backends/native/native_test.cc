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
#include "optimise/test_graphs.h"
#include "tune/conv_space.h"

namespace scissionlite {
namespace {

Tensor random_tensor(Rng& rng, Shape shape) {
  Tensor t(Dtype::kF32, std::move(shape));
  for (float& v : t.mutable_as<float>()) v = static_cast<float>(rng.normal());
  return t;
}

using testing_graphs::Ints;
using testing_graphs::Maker;
using testing_graphs::with_output;

std::string concat(Maker& m, const std::vector<std::string>& parts) { return m.op("Concat", parts, {{"axis", int64_t{1}}}); }

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
  Maker m;
  const auto x = m.input({1, 3, 12, 12});
  std::vector<std::string> features{m.conv(x, 3, 32, 3)};
  for (int i = 0; i < 3; ++i) {
    const auto joined = i == 0 ? features[0] : concat(m, features);
    features.push_back(m.conv(m.op("Relu", {joined}), 32 + 16 * i, 16, 3));
  }
  const Graph graph = with_output(m, m.conv(concat(m, features), 80, 8, 1));
  EXPECT_EQ(count_steps(graph, "in place"), 3);
  EXPECT_EQ(count_steps(graph, "copy"), 0);
  expect_like_reference(graph, {{1, 3, 12, 12}, {1, 3, 12, 12}});
}

TEST(Native, ConcatenationsAcrossLanes) {
  for (const auto& channels : std::vector<std::vector<int64_t>>{{5, 7, 3}, {16, 5}, {5, 16}, {16, 16, 3}, {1, 1}}) {
    Maker m;
    const auto x = m.input({2, 3, 5, 6});
    std::vector<std::string> parts;
    int64_t sum = 0;
    for (const auto c : channels) parts.push_back(m.conv(x, 3, c, 1)), sum += c;
    parts.push_back(parts[0]);  // the same value twice
    sum += channels[0];
    const Graph graph = with_output(m, m.conv(concat(m, parts), sum, 9, 3));
    expect_like_reference(graph, {{2, 3, 5, 6}});
  }
}

TEST(Native, AConcatenationOfInputsAndOfItself) {
  Maker m;
  const auto x = m.input({1, 16, 4, 4});
  const auto twice = concat(m, {x, x});
  expect_like_reference(with_output(m, concat(m, {twice, m.conv(twice, 32, 16, 1), twice})), {{1, 16, 4, 4}});
}

TEST(Native, ShuffledChannelsAreGatheredOnce) {
  Maker m;
  const auto x = m.input({2, 3, 6, 5});
  auto left = m.conv(x, 3, 7, 1), right = m.conv(x, 3, 7, 3);
  for (int unit = 0; unit < 3; ++unit) {
    const auto joined = concat(m, {left, right});
    const auto groups = m.op("Reshape", {joined, m.ints({2, 2, 7, 6, 5})});
    const auto shuffled = m.op("Reshape", {m.op("Transpose", {groups}, {{"perm", Ints{0, 2, 1, 3, 4}}}), m.ints({2, 14, 6, 5})});
    const auto halves = m.ops("Split", {shuffled}, 2, {{"axis", int64_t{1}}});
    left = halves[0];
    right = m.conv(halves[1], 7, 7, 3);
  }
  Graph graph = with_output(m, concat(m, {left, right}));
  expect_like_reference(graph, {{2, 3, 6, 5}});
  optimise(graph);
  EXPECT_EQ(count_steps(graph, "gather"), 4);  // what each convolution reads, and the answer
  EXPECT_EQ(count_steps(graph, "reference"), 0);
}

TEST(Native, SqueezeAndExcite) {
  Maker m;
  const auto x = m.input({1, 3, 9, 7});
  const auto features = m.conv(x, 3, 20, 3);
  const auto gate = m.op("HardSigmoid", {m.conv(m.op("Relu", {m.conv(m.op("GlobalAveragePool", {features}), 20, 6, 1)}), 6, 20, 1)});
  expect_like_reference(with_output(m, m.op("HardSwish", {m.op("Mul", {gate, features})})), {{1, 3, 9, 7}});
}

TEST(Native, AnOpenBatch) {
  Maker m;
  const auto x = m.input({-1, 3, 8, 8});
  const auto pooled = m.op("GlobalAveragePool", {m.op("MaxPool", {m.conv(x, 3, 10, 3)}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}})});
  const auto flat = m.op("Flatten", {pooled});
  expect_like_reference(with_output(m, m.op("Gemm", {flat, m.weights({5, 10}), m.weights({5})}, {{"transB", int64_t{1}}})), {{1, 3, 8, 8}, {3, 3, 8, 8}, {1, 3, 8, 8}});
}

TEST(Native, OutputsThatAreInputsOrConstants) {
  Maker m;
  const auto x = m.input({1, 4});
  const auto same = m.op("Identity", {x});
  Graph graph = with_output(m, same);
  auto executable = compile(graph, "native");
  const Tensor given = Tensor::of<float>({1, 4}, {1, 2, 3, 4});
  const auto y = executable->run(std::span(&given, 1))[0];
  EXPECT_NE(y.data(), given.data());
  EXPECT_TRUE(bit_equal(given, y));
}

class NativeTuning : public testing::Test {
 protected:
  NativeTuning() : file_(fs::temp_directory_path() / ("native_tuning_" + std::to_string(getpid()) + ".json")) {
    Maker m;
    const auto x = m.input({1, 16, 12, 12});
    graph_ = with_output(m, m.conv(x, 16, 24, 3));
  }
  ~NativeTuning() override { fs::remove(file_); }
  fs::path file_;
  Graph graph_;
};

TEST_F(NativeTuning, IsWhatTheModelIsComputedBy) {
  const auto problem = conv_problems(graph_, 1).convs.at(0).conv.problem;
  auto knobs = kernels::conv_implementation("direct").usual(problem, kernels::best_loops());
  knobs["vectors"] = 1;
  tune::Database database;
  database.add(tune::key_of(problem, kernels::best_loops(), 1), {"direct", knobs, 1, 2, 3, "genetic"});
  write_json(file_, tune::to_json(database));
  const auto explanation = explain_native(graph_, {.threads = 1, .tuning = file_.string()}, 1);
  EXPECT_TRUE(std::any_of(explanation.steps.begin(), explanation.steps.end(), [&](const auto& step) { return step.implementation == kernels::describe("direct", knobs); }));
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
  Maker m;
  const auto x = m.input({1, 4});
  Graph graph = with_output(m, m.op("Frobnicate", {x}));
  try {
    (void)compile(graph, "native");
    FAIL();
  } catch (const Unsupported& e) {
    EXPECT_NE(std::string(e.what()).find("Frobnicate0"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace scissionlite
