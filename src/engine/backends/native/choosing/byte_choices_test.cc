// Convolutions of bytes are done as tuned, as noted in a compiled model, or as estimated, with the same bytes each time; and it is said why.
#include "engine/backends/native/choosing/byte_choices.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/test_messages.h"
#include "engine/backends/native/choosing/conv_problems.h"
#include "engine/backends/native/compiled/compilation.h"
#include "engine/backends/native/test_native.h"
#include "kernels/int8/problem_text.h"

namespace scissionlite::native {
namespace {

using testing_graphs::Ints;
using testing_graphs::Maker;

std::string byte(Maker& m, uint8_t value) { return m.constant(Tensor::of<uint8_t>({}, {value})); }

std::string dequantised(Maker& m, const std::string& codes, float scale) { return m.op("DequantizeLinear", {codes, m.scalar(scale), byte(m, 0)}); }
std::string through(Maker& m, const std::string& x, float scale) {
  return dequantised(m, m.op("QuantizeLinear", {x, m.scalar(scale), byte(m, 0)}), scale);
}

/// Weights of int8 from `least` on in steps.
std::string conv(Maker& m, const std::string& x, const Shape& shape, int64_t least, int64_t codes, int64_t step, int64_t groups = 1) {
  Tensor w(Dtype::kI8, shape);
  for (auto& v : w.mutable_as<int8_t>()) v = static_cast<int8_t>(least + step * static_cast<int64_t>(m.rng().below(static_cast<uint64_t>(codes))));
  const auto weights = m.op("DequantizeLinear", {m.constant(w), m.scalar(0.01F), m.constant(Tensor::scalar<int8_t>(0))});
  return m.op("Relu", {m.op("Conv", {x, weights, m.weights({shape[0]})}, {{"pads", Ints{1, 1, 1, 1}}, {"group", groups}})});
}

/// Bytes become codes of two bits by a table, weights have one bit, then eight; a depthwise one, and one that is the same as another.
Graph network() {
  Maker m;
  Tensor table(Dtype::kU8, {256});
  for (int i = 0; i < 256; ++i) table.mutable_as<uint8_t>()[static_cast<size_t>(i)] = static_cast<uint8_t>(i * 37 % 4);
  const auto x = dequantised(m, m.fused("ByteTable", {m.input({1, 16, 9, 10}, Dtype::kU8), m.constant(table)}), 0.5F);
  auto y = through(m, conv(m, x, {32, 16, 3, 3}, -1, 2, 2), 0.01F);
  for (int i = 0; i < 2; ++i) y = through(m, conv(m, y, {32, 32, 3, 3}, -127, 255, 1), 0.05F);
  y = m.op("QuantizeLinear", {conv(m, y, {32, 1, 3, 3}, -127, 255, 1, 32), m.scalar(0.05F), byte(m, 0)});
  return testing_graphs::with_output(m, y);
}

class ByteChoices : public testing::Test {
 protected:
  ByteChoices()
      : file_(fs::temp_directory_path() / ("byte_choices_" + std::to_string(getpid()) + ".json")),
        graph_(network()),
        uses_(conv_problems(graph_, 1)) {}
  ~ByteChoices() override { fs::remove(file_); }

  [[nodiscard]] std::vector<const kernels::Int8ConvImplementation*> candidates(const kernels::Int8Problem& problem) const {
    return kernels::int8_conv_candidates(problem, loops_);
  }
  /// A candidate that estimates do not take; the usual one where it is the only one.
  [[nodiscard]] const kernels::Int8ConvImplementation& other(const kernels::Int8Problem& problem) const {
    const auto rows = candidates(problem);
    const auto it = std::find_if(rows.begin(), rows.end(), [&](const auto* row) { return row != &kernels::usual_int8_conv(problem, loops_); });
    return it == rows.end() ? *rows[0] : **it;
  }
  [[nodiscard]] tune::Database others() const {
    tune::Database database;
    for (const auto& use : uses_.byte_convs) database.add(tune::key_of(use.problem, loops_, 1), {other(use.problem).name, {}, 20, 30, 2, "all", {}});
    return database;
  }
  [[nodiscard]] static Program lowered(const Graph& graph, const tune::Choices* tuned, Lowered* note = nullptr, const Lowered* repeat = nullptr) {
    return lower(specialise(graph, usual_shapes(graph.inputs)),
                 {.loops = &kernels::best_loops(), .tuned = tuned, .explains = repeat == nullptr, .note = note, .repeat = repeat});
  }
  [[nodiscard]] static std::vector<const Step*> convolutions(const Program& program) {
    std::vector<const Step*> out;
    for (const auto& step : program.steps)
      if (step.macs > 0) out.push_back(&step);
    return out;
  }
  void expect_bytes_as_usual() const {
    const auto inputs = testing_graphs::random_inputs(graph_);
    const auto usual = compile(graph_, "native", {.threads = 1})->run(inputs),
               tuned = compile(graph_, "native", {.threads = 1, .tuning = file_.string()})->run(inputs);
    EXPECT_TRUE(bit_equal(usual[0], tuned[0]));
    auto optimised = graph_;
    optimise(optimised);  // sums in integers
    EXPECT_TRUE(bit_equal(usual[0], compile(optimised, "reference")->run(inputs)[0]));
    EXPECT_GT(std::set<uint8_t>(usual[0].as<uint8_t>().begin(), usual[0].as<uint8_t>().end()).size(), 10U);
  }

  const kernels::Int8Loops& loops_ = kernels::best_int8_loops();
  fs::path file_;
  Graph graph_;
  ConvUses uses_;
};

TEST_F(ByteChoices, HaveTheirProblemsFound) {
  std::vector<std::string> ends;
  std::vector<int> counts;
  for (const auto& use : uses_.byte_convs) {
    const auto text = kernels::text_of(use.problem);
    ends.push_back(text.substr(text.find("pr1g") + 3)), counts.push_back(use.count);
  }
  EXPECT_TRUE(uses_.convs.empty());
  EXPECT_EQ(ends, (std::vector<std::string>{"g1 w1from-1by2 a2 sum9", "g1 w8 a8 sum23 large4", "g32 w8 a8 sum18"}));
  EXPECT_EQ(counts, (std::vector<int>{1, 2, 1}));
}

TEST_F(ByteChoices, AreEstimatedWhereNothingWasMeasured) {
  const auto program = lowered(graph_, nullptr);
  const auto steps = convolutions(program);
  ASSERT_EQ(steps.size(), 4U);
  for (const auto* step : steps) {
    EXPECT_NE(step->reason.find("million cycles"), std::string::npos) << step->reason;
    EXPECT_GT(step->predicted_us, 0);
    EXPECT_FALSE(step->is_measured);
  }
  EXPECT_NE(steps[1]->instead, "");
  EXPECT_GE(steps[1]->instead_us, 0);
}

TEST_F(ByteChoices, AreAsTunedWithTheSameBytes) {
  write_json(file_, tune::to_json(others()));
  const auto tuned = tune::load_choices(file_.string(), kernels::best_loops(), 1);
  const auto program = lowered(graph_, tuned.get());
  const auto steps = convolutions(program);
  ASSERT_EQ(steps.size(), 4U);
  for (const auto* step : steps) {
    EXPECT_TRUE(step->is_measured) << step->node << ": " << step->reason;
    EXPECT_EQ(step->predicted_us, 20);
    EXPECT_NE(step->reason.find("measured: "), std::string::npos) << step->reason;
  }
  const auto& eight_bits = uses_.byte_convs[1].problem;
  ASSERT_NE(&other(eight_bits), &kernels::usual_int8_conv(eight_bits, loops_));
  for (const size_t i : {1, 2}) {
    EXPECT_EQ(steps[i]->implementation, std::string("int8 ") + other(eight_bits).name);
    EXPECT_GT(candidates(eight_bits).size() == 2 ? steps[i]->instead_us : 1, 0) << steps[i]->instead;
  }
  expect_bytes_as_usual();
}

TEST_F(ByteChoices, FallBackWhereTheEntryIsOfNoUse) {
  for (const std::string way : {"butterflies", "depthwise"}) {
    tune::Database database;
    const auto& problem = uses_.byte_convs[1].problem;
    database.add(tune::key_of(problem, loops_, 1), {way, {}, 1, 2, 1, "all", {}});
    write_json(file_, tune::to_json(database));
    const auto tuned = tune::load_choices(file_.string(), kernels::best_loops(), 1);
    const auto program = lowered(graph_, tuned.get());
    EXPECT_EQ(convolutions(program)[1]->implementation, std::string("int8 ") + kernels::usual_int8_conv(problem, loops_).name);
    EXPECT_FALSE(convolutions(program)[1]->is_measured);
    expect_bytes_as_usual();
  }
}

TEST_F(ByteChoices, AreUsualAfterThatVerdict) {
  auto database = others();
  database.add(tune::key_of(uses_.network, kernels::best_loops(), 1), {tune::kUsual, {}, 1, 1, 21, tune::kOfNetwork, {}});
  const tune::Choices choices(database, "t.json", kernels::best_loops(), 1);
  const auto program = lowered(graph_, &choices);
  for (const auto* step : convolutions(program)) EXPECT_FALSE(step->is_measured) << step->node;
}

/// Networks that differ by their weights' bits alone are two.
TEST_F(ByteChoices, CountForAVerdictsNetwork) {
  auto fewer = graph_;
  for (auto& [name, tensor] : fewer.initializers)
    if (tensor.dtype() == Dtype::kI8 && tensor.size() > 1) {
      tensor = tensor.clone();
      for (auto& v : tensor.mutable_as<int8_t>()) v = static_cast<int8_t>(v / 16);
    }
  EXPECT_NE(conv_problems(fewer, 1).network, uses_.network);
  EXPECT_EQ(conv_problems(network(), 1).network, uses_.network);
}

TEST_F(ByteChoices, AreNotedAndRepeated) {
  const tune::Choices choices(others(), "t.json", kernels::best_loops(), 1);
  Lowered notes;
  const auto first = lowered(graph_, &choices, &notes);
  const auto again = lowered(graph_, nullptr, nullptr, &notes);
  ASSERT_EQ(again.steps.size(), first.steps.size());
  for (size_t i = 0; i < first.steps.size(); ++i) {
    EXPECT_EQ(again.steps[i].implementation, first.steps[i].implementation);
    EXPECT_EQ(again.steps[i].reason, first.steps[i].reason);
  }
  auto& decision = notes.decisions.at("convolution at " + graph_.nodes.back().outputs[0]);  // depthwise
  decision.implementation = decision.implementation == "direct" ? "depthwise" : "direct";
  EXPECT_EQ(convolutions(lowered(graph_, nullptr, nullptr, &notes)).back()->implementation, "int8 " + decision.implementation);
  decision.implementation = "winograd m=2";  // which cannot
  const auto usual = std::string("int8 ") + kernels::usual_int8_conv(uses_.byte_convs[2].problem, loops_).name;
  EXPECT_EQ(convolutions(lowered(graph_, nullptr, nullptr, &notes)).back()->implementation, usual);
  const auto refusal = [&] { return message_of([&] { (void)lowered(graph_, nullptr, nullptr, &notes); }); };
  decision.implementation = "butterflies";
  EXPECT_NE(refusal().find("does not say how to compute ["), std::string::npos) << refusal();
}

/// Estimates of this CPU are not those of another one.
TEST_F(ByteChoices, AreNotNotedForAnotherInstructionSet) {
  Lowered notes;
  const auto narrower = kernels::all_loops().back();
  const auto graph = specialise(graph_, usual_shapes(graph_.inputs));
  (void)lower(graph, {.loops = narrower, .note = &notes});
  const bool is_other = narrower != &kernels::best_loops();
  EXPECT_EQ(notes.decisions.count("convolution at " + graph_.nodes.back().outputs[0]), is_other ? 0U : 1U);
  EXPECT_EQ(convolutions(lower(graph, {.loops = narrower, .repeat = &notes})).size(), 4U);
}

}  // namespace
}  // namespace scissionlite::native
