#include <gtest/gtest.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/test_messages.h"
#include "engine/backends/native/choosing/conv_problems.h"
#include "engine/backends/native/explain.h"
#include "engine/backends/native/test_native.h"
#include "kernels/sparse24/weights.h"
#include "ops/ops.h"
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
using testing_native::count_steps;

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

Tensor random_bytes(Rng& rng, Shape shape) {
  Tensor t(Dtype::kU8, std::move(shape));
  for (auto& v : t.mutable_as<uint8_t>()) v = static_cast<uint8_t>(rng.below(256));
  return t;
}

void expect_same_bytes(const Graph& graph, const Tensor& x) {
  for (const int threads : {1, 2}) {
    const auto expected = compile(graph, "reference")->run(std::span(&x, 1)),
               got = compile(graph, "native", {.threads = threads})->run(std::span(&x, 1));
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].shape(), expected[i].shape()) << i;
      EXPECT_TRUE(std::equal(got[i].data(), got[i].data() + got[i].size_bytes(), expected[i].data()))
          << "output " << i << ", " << threads << " threads";
    }
  }
}

struct Bytes {
  explicit Bytes(int64_t channels = 6) : x(m.input({2, channels, 3, 5}, Dtype::kU8)) {}
  Maker m;
  std::string x, scale = m.scalar(0.02F), zero = m.constant(Tensor::of<uint8_t>({}, {100}));
  std::vector<std::string> split(const std::string& value, const Ints& sizes) {
    return m.ops("Split", {value, m.ints(sizes)}, static_cast<int>(sizes.size()), {{"axis", int64_t{1}}});
  }
  std::string join(const std::vector<std::string>& parts) {
    std::vector<std::string> inputs{scale, zero};
    for (const auto& part : parts) inputs.insert(inputs.end(), {part, scale, zero});
    return m.op_of("com.microsoft", "QLinearConcat", inputs, {{"axis", int64_t{1}}});
  }
};

TEST(Native, BytesThatAreSplitShuffledAndJoinedAreGatheredOnce) {
  for (const int64_t channels : {6, 48}) {  // few pairs, and as many as are zipped
    Bytes b(channels);
    const auto halves = b.split(b.m.fused("ChannelShuffle", {b.x}, {{"groups", int64_t{2}}}), {channels / 3 + 1, channels - channels / 3 - 1});
    b.m.output(b.join({halves[1], halves[0], halves[1]}));
    const Graph graph = b.m.finish();
    Rng rng(1);
    expect_same_bytes(graph, random_bytes(rng, {2, channels, 3, 5}));
    EXPECT_EQ(count_steps(graph, "gather"), 1) << channels;
    EXPECT_EQ(count_steps(graph, "reference"), 0) << channels;
  }
}

TEST(Native, PicturesBecomeBytes) {
  for (const int64_t channels : {1, 3, 4}) {
    Maker m;
    const auto x = m.input({2, channels, 5, 7});
    m.output(
        m.op("MaxPool", {m.op("QuantizeLinear", {x, m.scalar(0.02F), m.constant(Tensor::of<uint8_t>({}, {100}))})}, {{"kernel_shape", Ints{2, 2}}}));
    const Graph graph = m.finish();
    Rng rng(5);
    Tensor picture(Dtype::kF32, {2, channels, 5, 7});
    for (auto& v : picture.mutable_as<float>()) v = static_cast<float>(rng.uniform(-3, 3));
    expect_same_bytes(graph, picture);
    EXPECT_EQ(count_steps(graph, "reference"), 0) << channels;
  }
}

TEST(Native, PoolingOfBytesWithChannelsThatFillNoVector) {
  for (const int64_t channels : {3, 15, 17, 24, 40, 70}) {
    Maker m;
    const auto x = m.input({1, channels, 6, 5}, Dtype::kU8);
    m.output(m.op("MaxPool", {x}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}));
    const Graph graph = m.finish();
    Rng rng(6);
    expect_same_bytes(graph, random_bytes(rng, {1, channels, 6, 5}));
    EXPECT_EQ(count_steps(graph, "reference"), 0) << channels;
  }
}

TEST(Native, PartsOfBytesThatAreResultsAndReadByOthers) {
  Bytes b;
  Rng rng(2);
  const auto parts = b.split(b.x, {1, 5});
  const auto w = b.m.constant([&] {
    Tensor codes(Dtype::kI8, {3, 5, 3, 3});
    for (auto& v : codes.mutable_as<int8_t>()) v = static_cast<int8_t>(static_cast<int64_t>(rng.below(127)) - 63);
    return codes;
  }());
  const auto w_zero = b.m.constant(Tensor::of<int8_t>({}, {0})), constant = b.m.constant(random_bytes(rng, {2, 2, 3, 5}));
  for (const auto& part : parts) b.m.output(part);
  b.m.output(
      b.m.op("QLinearConv", {parts[1], b.scale, b.zero, w, b.m.scalar(0.01F), w_zero, b.m.scalar(0.05F), b.zero}, {{"pads", Ints{1, 1, 1, 1}}}));
  b.m.output(b.join({constant, parts[0]}));
  expect_same_bytes(b.m.finish(), random_bytes(rng, {2, 6, 3, 5}));
}

TEST(Native, ASplitOfBytesThatDoesNotAddUp) {
  Bytes b;
  for (const auto& part : b.split(b.x, {2, 5})) b.m.output(part);
  Rng rng(3);
  const Tensor x = random_bytes(rng, {2, 6, 3, 5});
  EXPECT_THROW((void)compile(b.m.finish(), "native", {.threads = 1})->run(std::span(&x, 1)), Error);
}

TEST(Native, AConvolutionOfBytesWithoutAnyOutput) {
  for (const int64_t stride : {1, 2}) {
    Maker m;
    const auto x = m.input({1, 4, 2, 2}, Dtype::kU8), scale = m.scalar(0.02F), zero = m.constant(Tensor::of<uint8_t>({}, {100}));
    Tensor codes(Dtype::kI8, {8, 4, 3, 3});
    std::fill_n(codes.mutable_as<int8_t>().begin(), codes.size(), int8_t{1});
    m.output(m.op("QLinearConv", {x, scale, zero, m.constant(codes), scale, m.constant(Tensor::of<int8_t>({}, {0})), scale, zero},
                  {{"strides", Ints{stride, stride}}}));
    Rng rng(4);
    const Tensor input = random_bytes(rng, {1, 4, 2, 2});
    const auto y = compile(m.finish(), "native", {.threads = 1})->run(std::span(&input, 1));
    EXPECT_EQ(y[0].size(), 0) << "stride " << stride;
  }
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
  expect_like_reference(with_output(m, m.op("Gemm", {flat, m.weights({5, 10}), m.weights({5})}, {{"transB", int64_t{1}}})),
                        {{1, 3, 8, 8}, {3, 3, 8, 8}, {1, 3, 8, 8}});
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

/// A 1x1 convolution and a fully connected layer, with 2:4 weights or with dense ones.
Graph pointwise_and_dense(bool is_two_four) {
  constexpr int64_t kIn = 128, kOut = 256, kClasses = 96;
  Maker m;
  Rng rng(5);
  const auto weights = [&](int64_t outputs, int64_t inputs) {
    Tensor w = random_tensor(rng, {outputs, inputs});
    if (is_two_four) kernels::make_two_four(w.mutable_as<float>().data(), outputs, inputs);
    return w;
  };
  const auto x = m.op("Relu", {m.input({1, kIn, 14, 14})});
  const auto y = m.op("Conv", {x, m.constant(weights(kOut, kIn).reshaped({kOut, kIn, 1, 1}))});
  const auto flat = m.op("Flatten", {m.op("GlobalAveragePool", {y})});
  return with_output(m, m.op("Gemm", {flat, m.constant(weights(kClasses, kOut))}, {{"transB", int64_t{1}}}));
}

TEST(Native, TwoFourWeightsAreSeenInTheModel) {
  if (kernels::best_loops().lanes != 16) GTEST_SKIP() << "[SKIP] needs avx512: without it dense ways are expected to be faster";
  for (const bool is_two_four : {true, false}) {
    const Graph graph = pointwise_and_dense(is_two_four);
    const auto steps = explain_native(graph, {.threads = 1}, 1).steps;
    const auto has = [&](const std::string& way) {
      return std::any_of(steps.begin(), steps.end(), [&](const auto& step) { return step.implementation.starts_with(way); });
    };
    EXPECT_EQ(has("sparse24"), is_two_four);
    EXPECT_EQ(has("dense sparse24"), is_two_four);
    expect_like_reference(graph, {{1, 128, 14, 14}});
    EXPECT_EQ(conv_problems(graph, 1).convs.at(0).conv.problem.is_two_four, is_two_four);
  }
}

/// A 3x3 convolution, a strided one, and a strided 1x1, with 2:4 weights at each place of the kernel, or with three of a group at one place.
Graph windows(bool is_two_four, int64_t batch) {
  constexpr int64_t kChannels = 20;
  Maker m;
  Rng rng(6);
  const auto weights = [&](int64_t kernel) {
    Tensor w = random_tensor(rng, {kChannels, kChannels, kernel, kernel});
    const int64_t taps = kernel * kernel;
    auto values = w.mutable_as<float>();
    kernels::make_two_four(values.data(), kChannels, kChannels, taps);
    for (int64_t channel = 0; channel < 3 && !is_two_four; ++channel) values[static_cast<size_t>(channel * taps + taps - 1)] = 1;
    return m.constant(w);
  };
  const auto x = m.op("Relu", {m.input({batch, kChannels, 15, 13})});
  const auto y = m.op("Relu", {m.op("Add", {m.op("Conv", {x, weights(3)}, {{"pads", Ints{1, 1, 1, 1}}}), x})});
  const auto z = m.op("Relu", {m.op("Conv", {y, weights(3)}, {{"pads", Ints{1, 0, 0, 1}}, {"strides", Ints{2, 2}}})});
  return with_output(m, m.op("Conv", {z, weights(1)}, {{"strides", Ints{2, 2}}}));
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
  EXPECT_TRUE(std::any_of(explanation.steps.begin(), explanation.steps.end(),
                          [&](const auto& step) { return step.implementation == kernels::describe("direct", knobs); }));
  Rng rng(3);
  const Tensor x = random_tensor(rng, {1, 16, 12, 12});
  const auto expected = compile(graph_, "reference")->run(std::span(&x, 1)),
             got = compile(graph_, "native", {.threads = 1, .tuning = file_.string()})->run(std::span(&x, 1));
  EXPECT_LE(max_relative_error(got[0], expected[0]), 1e-5);
}

TEST_F(NativeTuning, TakesTheSparseWayOfWindowsWhereItIsFaster) {
  const auto& loops = kernels::best_loops();
  const auto& sparse = kernels::conv_implementation("sparse24_window");
  for (const auto& [is_two_four, batch] : {std::pair<bool, int64_t>{true, 1}, {true, 2}, {false, 1}}) {
    const Graph graph = windows(is_two_four, batch);
    tune::Database database;
    const auto convs = conv_problems(graph, 1).convs;
    ASSERT_EQ(convs.size(), 3U);
    for (const auto& use : convs) {
      const auto& problem = use.conv.problem;
      EXPECT_EQ(problem.is_two_four, is_two_four) << problem.text();
      const auto reason = sparse.reason_against(problem, loops);
      if (!is_two_four) EXPECT_EQ(reason, "weights are not 2:4 sparse");
      else if (!reason.empty()) GTEST_SKIP() << "[SKIP] " << reason;
      else database.add(tune::key_of(problem, loops, 1), {sparse.name, sparse.usual(problem, loops), 1, 2, 3, "genetic"});
    }
    write_json(file_, tune::to_json(database));
    const auto steps = explain_native(graph, {.threads = 1, .tuning = file_.string()}, 1).steps;
    EXPECT_EQ(std::count_if(steps.begin(), steps.end(), [](const auto& step) { return step.implementation.starts_with("sparse24_window"); }),
              is_two_four ? 3 : 0);
    Rng rng(3);
    const Tensor x = random_tensor(rng, {batch, 20, 15, 13});
    const auto expected = compile(graph, "reference")->run(std::span(&x, 1)),
               got = compile(graph, "native", {.threads = 1, .tuning = file_.string()})->run(std::span(&x, 1));
    EXPECT_LE(max_relative_error(got[0], expected[0]), 1e-5);
  }
}

TEST_F(NativeTuning, OfAnUnreadableFileIsRefused) {
  write_file(file_, "{\"schema\": \"scissionlite.plan/1\"}");
  EXPECT_NE(message_of([&] { (void)compile(graph_, "native", {.threads = 1, .tuning = file_.string()}); }).find("expected 'scissionlite.tuning/1'"),
            std::string::npos);
}

TEST(Native, AnUnknownOperatorIsNamed) {
  Maker m;
  const auto x = m.input({1, 4});
  Graph graph = with_output(m, m.op("Frobnicate", {x}));
  try {
    (void)compile(graph, "native");
    FAIL();
  } catch (const Unsupported& e) { EXPECT_NE(std::string(e.what()).find("Frobnicate0"), std::string::npos) << e.what(); }
}

/// There is as much memory for an output as its type needs, whatever the file says.
TEST(Native, AnOutputOfAnotherTypeThanDeclaredIsRefused) {
  Maker m;
  m.output(m.op("Slice", {m.input({2, 8}, Dtype::kI64), m.ints({0}), m.ints({8}), m.ints({1})}));
  auto graph = m.finish();
  graph.outputs[0].dtype = Dtype::kF32;
  try {
    (void)compile(graph, "native");
    FAIL() << "compiled";
  } catch (const ModelError& e) { EXPECT_NE(std::string(e.what()).find("is declared as float32, but is int64"), std::string::npos) << e.what(); }
}

}  // namespace
}  // namespace scissionlite
