// Chains, poolings and strips that a tuning database says to compute by generated kernels: chosen, named, right, kept by a compiled model; and
// computed as without tuning where a kernel is missing or is not what was recorded.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/test_messages.h"
#include "engine/backends/native/choosing/conv_problems.h"
#include "engine/backends/native/compiled/compiled.h"
#include "engine/backends/native/explain.h"
#include "engine/backends/native/test_native.h"
#include "kernels/generated/chain_plan.h"
#include "onnx/onnx.h"
#include "tune/generating.h"
#include "tune/ways.h"

namespace scissionlite {
namespace {

using testing_graphs::Ints;
using testing_graphs::Maker;

/// A depthwise and a 1x1 convolution with a residual, elementwise steps, and both kinds of pooling.
Graph network() {
  Maker m;
  const auto x = m.op("Relu", {m.conv(m.input({1, 3, 30, 30}), 3, 24, 3)});
  const auto deep = m.op("Relu", {m.conv(x, 24, 24, 3, {{"group", int64_t{24}}})});
  const auto sum = m.op("Add", {m.conv(deep, 24, 24, 1), x});
  const auto bent = m.op("Max", {sum, m.op("Add", {m.op("Mul", {sum, m.weights({24, 1, 1})}), m.scalar(0.25F)})});
  const auto most = m.op("MaxPool", {bent}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}});
  m.output(m.op("AveragePool", {most}, {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"count_include_pad", int64_t{1}}}));
  return m.finish();
}

class GeneratedKernelsOfAModel : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = generate::reason_against(generate::default_tools()); !reason.empty()) GTEST_SKIP() << reason;
    fs::create_directories(at_);
    inputs_ = testing_graphs::random_inputs(graph_);
    expected_ = compile(graph_, "reference")->run(inputs_)[0];
    tune();
  }
  void TearDown() override { fs::remove_all(at_); }

  /// As if a search had found kernels to be the fastest.
  void tune() const {
    const auto uses = conv_problems(graph_, 1);
    const tune::Generating generating(database_, generate::default_tools());
    tune::Database found;
    const auto add = [&](const std::string& problem, const std::string& kernel) {
      tune::TuningEntry entry{tune::kGenerated, kernels::kernel_kind_of(kernel).usual(kernel, loops_.lanes), 1, 1000, 1, "random", {}};
      generating.keep(kernel, loops_, entry);
      found.add(tune::key_of(problem, loops_, 1), entry);
    };
    for (const auto& use : uses.chains)
      if (const auto kernel = kernels::generated_problem(use.chain.problem()); !kernel.empty()) add(use.chain.text(), kernel);
    for (const auto& use : uses.pools) add(use.pool.text(), use.pool.text());
    for (const auto& use : uses.strips) add(use.strip.text(), use.strip.text());
    EXPECT_EQ(found.entries.size(), 4);
    tune::update_database(database_, found);
  }
  [[nodiscard]] std::vector<std::string> steps_of(const Graph& graph, const std::string& tuning) const {
    std::vector<std::string> out;
    for (const auto& step : explain_native(graph, {.threads = 1, .tuning = tuning}, 1).steps)
      if (step.implementation.starts_with("generated"))
        out.push_back(step.implementation.substr(0, step.implementation.find(' ', sizeof "generated")));
    return out;
  }
  [[nodiscard]] double error_of(const Graph& graph, const std::string& tuning) const {
    return max_relative_error(compile(graph, "native", {.threads = 1, .tuning = tuning})->run(inputs_)[0], expected_);
  }

  const std::vector<std::string> all_{"generated chain", "generated strip", "generated pool", "generated pool"};
  const kernels::VectorLoops& loops_ = kernels::best_loops();
  fs::path at_ = fs::temp_directory_path() / ("native_generated_" + std::to_string(getpid())), database_ = at_ / "tuning.json";
  Graph graph_ = network();
  std::vector<Tensor> inputs_;
  Tensor expected_;
};

TEST_F(GeneratedKernelsOfAModel, AreChosenNamedAndRight) {
  EXPECT_EQ(steps_of(graph_, database_.string()), all_);
  EXPECT_LE(error_of(graph_, database_.string()), 1e-5);
  const auto steps = explain_native(graph_, {.threads = 1, .tuning = database_.string()}, 1).steps;
  const auto pool = std::find_if(steps.begin(), steps.end(), [](const StepFacts& step) { return step.implementation.starts_with("generated pool"); });
  EXPECT_TRUE(pool->is_measured && pool->instead == "blocked") << pool->instead;
}

TEST_F(GeneratedKernelsOfAModel, AreLeftOutWhereTheyAreNotWhatWasRecorded) {
  for (const auto& object : fs::directory_iterator(tune::kernels_folder(database_))) {
    auto bytes = read_file(object.path());
    bytes[bytes.size() / 2] ^= 1;
    write_file(object.path(), bytes);
  }
  EXPECT_TRUE(steps_of(graph_, database_.string()).empty());
  EXPECT_LE(error_of(graph_, database_.string()), 1e-5);
  fs::remove_all(tune::kernels_folder(database_));
  EXPECT_TRUE(steps_of(graph_, database_.string()).empty());
}

TEST_F(GeneratedKernelsOfAModel, LieInACompiledModel) {
  save_model(graph_, at_ / "model.onnx");
  (void)compile_model(graph_, {.model = at_ / "model.onnx", .folder = at_ / "compiled", .tuning = database_.string()});
  fs::remove(database_);
  fs::remove_all(tune::kernels_folder(database_));
  const auto loaded = load_model(at_ / "compiled");
  EXPECT_EQ(steps_of(loaded, ""), all_);
  EXPECT_LE(error_of(loaded, ""), 1e-5);
  const auto object = fs::directory_iterator(tune::kernels_folder(at_ / "compiled" / "kernels.json"))->path();
  fs::remove(object);
  EXPECT_NE(message_of<Error>([&] { (void)error_of(loaded, ""); }).find(object.filename().string()), std::string::npos);
}

}  // namespace
}  // namespace scissionlite
