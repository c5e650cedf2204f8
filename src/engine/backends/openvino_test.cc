// What OpenVINO's module is told, and what it says: inputs by name, failures by who can act.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>

#include "engine/engine.h"
#include "optimise/test_graphs.h"

namespace scissionlite {
namespace {

using testing_graphs::Maker;
using testing_graphs::with_output;

class Openvino : public testing::Test {
 protected:
  void SetUp() override {
    try {
      (void)make_backend("openvino");
    } catch (const Unsupported& e) { GTEST_SKIP() << "[SKIP] " << e.what(); }
  }
};

TEST_F(Openvino, AnInputThatIsOnlyPassedOnKeepsItsName) {
  Maker m;
  const auto x = m.input({-1, 3}), other = m.input({-1, 3});
  const auto graph = with_output(m, m.op("Sub", {m.op("Dropout", {x}), m.op("Identity", {other})}));
  const std::vector<Tensor> inputs = {Tensor::of<float>({1, 3}, {5, 7, 9}), Tensor::of<float>({1, 3}, {1, 2, 3})};
  EXPECT_TRUE(bit_equal(compile(graph, "openvino")->run(inputs)[0], Tensor::of<float>({1, 3}, {4, 5, 6})));
}

TEST_F(Openvino, InputsThatNothingReadsAreCheckedAndIgnored) {
  for (const size_t at : {size_t{0}, size_t{1}, size_t{2}}) {
    SCOPED_TRACE("unused input " + std::to_string(at));
    Maker m;
    std::vector<std::string> used;
    for (size_t i = 0; i < 3; ++i) {
      const auto x = m.input(i == at ? Shape{-1, 7} : Shape{-1, 2, static_cast<int64_t>(i + 1)}, i == at ? Dtype::kU8 : Dtype::kF32);
      if (i != at) used.push_back(x);
    }
    const auto graph = with_output(m, m.op("Concat", used, {{"axis", int64_t{2}}}));
    auto executable = compile(graph, "openvino");
    ASSERT_EQ(executable->inputs().size(), 3U);
    EXPECT_EQ(executable->inputs()[at].dtype, Dtype::kU8);
    Rng rng(1);
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < 3; ++i) {
      Tensor values(Dtype::kF32, {2, 2, static_cast<int64_t>(i + 1)});
      for (float& v : values.mutable_as<float>()) v = static_cast<float>(rng.normal());
      inputs.push_back(i == at ? Tensor::of<uint8_t>({1, 7}, {1, 2, 3, 4, 5, 6, 7}) : values);
    }
    const auto expected = compile(graph, "reference")->run(inputs)[0].clone();
    EXPECT_TRUE(bit_equal(executable->run(inputs)[0], expected));
    inputs[at] = Tensor::of<uint8_t>({1, 2}, {1, 2});
    EXPECT_THROW((void)executable->run(inputs), InvalidArgument);
  }
}

/// Whether they fit shows when the model runs, also where the sizes of its outputs are fixed. An earlier answer is none.
TEST_F(Openvino, DataThatAModelCannotTakeIsAnErrorAndNoEarlierAnswer) {
  for (const bool is_summed : {false, true}) {
    Maker m;
    const auto x = m.input({6}), sizes = m.input({2}, Dtype::kI64);
    const auto shaped = m.op("Relu", {m.op("Reshape", {x, sizes})});
    const auto graph = with_output(m, is_summed ? m.op("ReduceSum", {shaped}, {{"keepdims", int64_t{0}}}) : shaped);
    auto executable = compile(graph, "openvino");
    const auto ask = [&](float value, int64_t rows, int64_t columns) {
      const std::vector<float> values(6, value);
      return executable
          ->run(std::vector<Tensor>{Tensor::of<float>({6}, std::span<const float>(values)), Tensor::of<int64_t>({2}, {rows, columns})})[0]
          .clone();
    };
    for (const int64_t rows : {2, 3}) {
      const auto value = static_cast<float>(rows);
      const auto got = ask(value, rows, 6 / rows);
      EXPECT_EQ(got.shape(), is_summed ? Shape{} : (Shape{rows, 6 / rows}));
      EXPECT_EQ(got.as<float>()[0], is_summed ? 6 * value : value);
      EXPECT_THROW((void)ask(9, 4, 5), Error);
    }
  }
}

/// Rows of 4, of which the model makes `times` as many on the way.
Graph wide(int64_t times) {
  Maker m;
  const auto x = m.input({-1, 4});
  const auto tiled = m.op("Softmax", {m.op("Tile", {x, m.ints({1, times})})}, {{"axis", int64_t{1}}});
  return with_output(m, m.op("Add", {x, m.op("ReduceMax", {tiled}, {{"axes", testing_graphs::Ints{1}}, {"keepdims", int64_t{1}}})}));
}
Tensor rows(int64_t count, float value) {
  Tensor t(Dtype::kF32, {count, 4});
  for (float& v : t.mutable_as<float>()) v = value;
  return t;
}

void allow_more_memory_mib(uint64_t more) {
  std::ifstream file("/proc/self/statm");
  uint64_t pages = 0;
  file >> pages;
  const rlim_t bytes = pages * 4096 + (more << 20);
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_AS, &limit);
}

/// In a process of its own, whose memory is bounded. Says on its error output what went otherwise.
[[noreturn]] void run_short_of_memory() {
  auto executable = compile(wide(1'000'000), "openvino", {.threads = 1});
  const auto ask = [&](int64_t count, float value) { return executable->run(std::vector<Tensor>{rows(count, value)})[0].clone(); };
  const auto is_right = [](const Tensor& y, int64_t count, float value) {
    return y.shape() == Shape{count, 4} &&
           std::all_of(y.as<float>().begin(), y.as<float>().end(), [&](float v) { return v >= value && v < value + 1; });
  };
  std::string said;
  if (!is_right(ask(2, 1), 2, 1) || !is_right(ask(4, 2), 4, 2)) said += "wrong before; ";
  allow_more_memory_mib(300);
  try {
    (void)ask(64, 3);
    said += "64 rows were answered; ";
  } catch (const ResourceError&) {
  } catch (const InternalError&) {
  } catch (const std::exception& e) { said += std::string("another exception: ") + e.what() + "; "; }
  for (const float value : {5.0F, 6.0F}) {
    try {
      if (!is_right(ask(4, value), 4, value)) said += "a wrong answer after it; ";
    } catch (const ResourceError&) {
    } catch (const InternalError&) {  // a refusal is no wrong answer
    }
  }
  std::fprintf(stderr, "%s\n", said.empty() ? "as it should" : said.c_str());
  std::_Exit(0);
}

TEST_F(Openvino, fault_33_OutOfMemoryIsAnErrorAndNoEarlierAnswer) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "[SKIP] sanitizers need the address space that is taken away here";
#endif
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_short_of_memory(), testing::ExitedWithCode(0), "as it should");
}

}  // namespace
}  // namespace scissionlite
