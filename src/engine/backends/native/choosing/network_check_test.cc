#include "engine/backends/native/choosing/network_check.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.h"
#include "base/file.h"
#include "engine/backends/native/choosing/conv_problems.h"
#include "engine/backends/native/explain.h"
#include "kernels/vector/loops.h"
#include "optimise/test_graphs.h"
#include "tune/choices.h"
#include "tune/tune_chain.h"

namespace scissionlite {
namespace {

using Verdict = NetworkCheck::Verdict;

TEST(NetworkCheck, ASpeedUpWithinTheNoiseIsNone) {
  std::vector<double> usual, faster, slower, noisy;
  for (int i = 0; i < 21; ++i) {
    usual.push_back(100 + i % 5);
    faster.push_back(90 + i % 4);
    slower.push_back(112 + i % 4);
    noisy.push_back(i % 2 == 0 ? 80 : 125);
  }
  EXPECT_EQ(judge(usual, faster).verdict(), Verdict::kFaster);
  EXPECT_EQ(judge(usual, slower).verdict(), Verdict::kSlower);
  EXPECT_EQ(judge(usual, noisy).verdict(), Verdict::kUndecided);
  EXPECT_EQ(judge(usual, usual).verdict(), Verdict::kUndecided);
}

/// A 1x1, a depthwise and a 1x1 convolution with a residual: small, so that nobody would make a chain of it untuned.
class TunedNetwork : public testing::Test {
 protected:
  TunedNetwork() : file_(fs::temp_directory_path() / ("network_check_" + std::to_string(getpid()) + ".json")) {
    testing_graphs::Maker m;
    const auto x = m.conv(m.input({1, 3, 12, 12}), 3, 16, 3);
    const auto wide = m.op("Relu", {m.conv(x, 16, 32, 1)});
    const auto filtered =
        m.op("Relu", {m.op("Conv", {wide, m.weights({32, 1, 3, 3})}, {{"group", int64_t{32}}, {"pads", testing_graphs::Ints{1, 1, 1, 1}}})});
    m.output(m.op("Add", {m.conv(filtered, 32, 16, 1), x}));
    graph_ = m.finish();
    uses_ = conv_problems(graph_, 1);
  }
  ~TunedNetwork() override { fs::remove(file_); }

  void write(const tune::Database& database) const { write_json(file_, tune::to_json(database)); }
  [[nodiscard]] tune::TuningKey key(const std::string& problem) const { return tune::key_of(problem, kernels::best_loops(), 1); }
  [[nodiscard]] tune::Database with_chain(double chain_us, double separate_us) const {
    tune::Database database;
    for (const auto& use : uses_.chains)
      if (use.chain.stages.size() == 3) database.add(key(use.chain.text()), {tune::kChain, {{tune::kRows, 3}}, chain_us, separate_us, 4, "all"});
    return database;
  }
  [[nodiscard]] std::vector<StepFacts> steps() const { return explain_native(graph_, {.threads = 1, .tuning = file_.string()}, 1).steps; }
  [[nodiscard]] bool has_chain() const {
    const auto all = steps();
    return std::any_of(all.begin(), all.end(), [](const StepFacts& step) { return step.implementation == "chain of 3 rows=3"; });
  }

  fs::path file_;
  Graph graph_;
  ConvUses uses_;
};

TEST_F(TunedNetwork, HasConvolutionsWithTheirEndsAndEveryChain) {
  std::vector<std::string> convs, chains;
  for (const auto& use : uses_.convs) convs.push_back(use.conv.text().substr(use.conv.text().find("g")));
  EXPECT_EQ(convs, (std::vector<std::string>{"g1", "g1 Relu", "g32 Relu", "g1 residual"}));
  for (const auto& use : uses_.chains) chains.push_back(std::to_string(use.chain.stages.size()));
  EXPECT_EQ(chains, (std::vector<std::string>{"2", "2", "3"}));  // expand and filter; filter and project; all
}

TEST_F(TunedNetwork, IsAChainWhereThatWasMeasuredToBeFaster) {
  write(with_chain(50, 100));
  EXPECT_TRUE(has_chain());
  const auto all = steps();
  const auto& chain = *std::find_if(all.begin(), all.end(), [](const StepFacts& step) { return step.implementation.starts_with("chain"); });
  EXPECT_TRUE(chain.is_measured);
  EXPECT_GT(chain.instead_us, 0);
  EXPECT_NE(chain.instead.find(", "), std::string::npos) << chain.instead;  // its convolutions one by one, or a shorter chain and one
  write(with_chain(110, 100));
  EXPECT_FALSE(has_chain());
}

TEST_F(TunedNetwork, KeepsTheUsualChoicesAfterThatVerdict) {
  auto database = with_chain(50, 100);
  database.add(key(uses_.network), {tune::kUsual, {}, 1, 1, 21, tune::kOfNetwork});
  write(database);
  EXPECT_FALSE(has_chain());
  database.add(key(uses_.network), {tune::kTuned, {}, 2, 2, 21, tune::kOfNetwork});  // newer
  write(database);
  EXPECT_TRUE(has_chain());
}

/// In a process of its own, started anew: a check forks, and other tests of this program have started threads.
TEST_F(TunedNetwork, IsVerifiedAndTimedInAChild) {
  if (std::getenv("SCISSIONLITE_EMULATED")) GTEST_SKIP() << "[SKIP] a program that an emulator runs cannot start itself";
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  write(with_chain(50, 100));
  const auto holds = [&] {
    const auto check = check_network(graph_, 1, file_.string(), 6);
    write_file(file_, "{}");
    std::string message;
    try {
      (void)check_network(graph_, 1, file_.string(), 6);
    } catch (const ResourceError& e) { message = e.what(); }
    return check.usual_us > 0 && check.tuned_us > 0 && check.from <= check.speed_up && check.speed_up <= check.to && check.error <= 1e-5 &&
           message.find("could not be run as tuned") != std::string::npos;
  };
  EXPECT_EXIT(exit(holds() ? 0 : 1), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace scissionlite
