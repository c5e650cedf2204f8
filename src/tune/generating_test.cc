// A generated kernel from search to engine: made and measured in a child, stored by its hash, found by the engine, and refused when it is
// not what the database recorded.
#include "tune/generating.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/test_messages.h"
#include "kernels/generated/conv_plan.h"
#include "kernels/generated/kernel_store.h"
#include "kernels/vector/loops.h"
#include "tune/choices.h"
#include "tune/measure.h"
#include "tune/tune_chain.h"
#include "tune/tune_pool.h"
#include "tune/tune_strip.h"

namespace scissionlite::tune {
namespace {

const kernels::ConvProblem kProblem{
    .c = 16, .h = 9, .w = 8, .k = 16, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1, .groups = 16};

class GeneratedKernels : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto reason = generate::reason_against(generate::default_tools()); !reason.empty()) GTEST_SKIP() << reason;
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// One entry, of the usual configuration, measured as a search does.
  void tune() const {
    const Generating generating(database_, generate::default_tools());
    const auto& row = kernels::conv_implementation("generated");
    const kernels::ConvChoice choice{&row, row.usual(kProblem, loops_)};
    MeasureOptions options;
    options.trial.loops = &loops_;
    options.limits.seconds = 60;
    Measurer measurer(kProblem, options);
    const auto outcome = measurer.measure(choice);
    ASSERT_TRUE(outcome.is_ok()) << outcome.failure;
    auto refused = choice;
    refused.knobs["tile_x"] = 8, refused.knobs["tile_y"] = 4;
    EXPECT_NE(measurer.measure(refused).failure.find("a register tile of 32 vectors"), std::string::npos);
    TuningEntry entry{row.name, choice.knobs, outcome.median_us, 2 * outcome.median_us, 1, "random", {}};
    generating.keep(kProblem.text(), loops_, entry);
    Database found;
    found.add(key_of(kProblem, loops_, 1), entry);
    update_database(database_, found);
  }
  [[nodiscard]] KernelRecord record() const { return *load_database(database_).entries.begin()->second.kernel; }
  [[nodiscard]] fs::path object() const { return kernels_folder(database_) / (record().sha256 + ".so"); }
  [[nodiscard]] std::string chosen() const {
    return choose_conv(kProblem, loops_, load_choices(database_.string(), loops_, 1).get()).implementation->name;
  }
  [[nodiscard]] std::string refusal() const {
    return message_of([&] { (void)load_kernel(database_, record(), kernels::target_of(loops_)); });
  }

  /// Of windows that begin a row earlier: as long a text.
  [[nodiscard]] static kernels::KernelPlan shifted(kernels::KernelPlan plan) {
    plan.problem.replace(plan.problem.find("pt0"), 3, "pt1");
    return plan;
  }

  fs::path folder_ = fs::temp_directory_path() / ("tune_generating_test_" + std::to_string(getpid())), database_ = folder_ / "tuning.json";
  const kernels::VectorLoops& loops_ = kernels::best_loops();
};

TEST_F(GeneratedKernels, GoFromSearchToEngineAndAreCheckedOnTheWay) {
  ASSERT_NO_FATAL_FAILURE(tune());
  EXPECT_EQ(std::distance(fs::directory_iterator(kernels_folder(database_)), {}), 1);  // what the search made besides is gone
  EXPECT_EQ(chosen(), "generated");

  const auto database = load_database(database_);
  copy_kernels(database_, database, folder_ / "other.json");
  EXPECT_EQ(load_kernel(folder_ / "other.json", record(), kernels::target_of(loops_))->identity().find("scissionlite.kernel/1 "), 0);

  auto bytes = read_file(object());
  fs::permissions(object(), fs::perms::others_write, fs::perm_options::add);
  EXPECT_NE(refusal().find("can be written by everybody"), std::string::npos) << refusal();
  EXPECT_EQ(chosen(), "depthwise");
  fs::permissions(object(), fs::perms::others_write, fs::perm_options::remove);
  bytes[bytes.size() / 2] ^= 1;
  write_file(object(), bytes);
  EXPECT_NE(refusal().find("is not what the database recorded"), std::string::npos) << refusal();
  EXPECT_EQ(chosen(), "depthwise");
  fs::remove(object());
  EXPECT_NE(refusal().find("is missing; copy the folder along"), std::string::npos) << refusal();
  EXPECT_EQ(chosen(), "depthwise");
}

/// A search for a chain, a pooling or a strip tries kernels, and keeps the one that won.
TEST_F(GeneratedKernels, AreCandidatesForChainsPoolingsAndStrips) {
  const auto chain = parse_chain("chain conv ic16ih12oc16kh3ph1g16 Relu + conv ic16ih12oc16 residual");
  const kernels::PoolProblem pool{.c = 16, .h = 12, .w = 12, .out_h = 6, .out_w = 6, .kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2};
  TuneOptions options{.budget = 3, .measure = {}};
  options.measure.trial.loops = &loops_;
  options.measure.trial.enough_us = 300;
  options.measure.limits.seconds = 60;
  const auto separate = [&](const ChainOfConvs& of) {
    std::vector<kernels::ConvChoice> out;
    for (const auto& stage : of.stages) out.push_back(kernels::usual_conv(stage.problem, loops_));
    return out;
  };
  const auto strip = kernels::parse_strip("strip mb1ic20ih12iw12 whole channel; Mul %0 %1; Sqrt %2; Clip %3 0.5 2");
  EXPECT_FALSE(pool_ways(pool, options.measure).generated.has_value());  // without a maker
  EXPECT_FALSE(strip_ways(strip, options.measure).generated.has_value());
  const Generating generating(database_, generate::default_tools());
  for (const auto& ways :
       {chain_ways(chain, separate(chain), options.measure), pool_ways(pool, options.measure), strip_ways(strip, options.measure)}) {
    MeasurementLog log(folder_ / "log");
    std::vector<std::string> told;
    auto tuned = tune_ways(ways, options, log, [&](const TuneStep& step) {
      told.push_back(step.choice);
      EXPECT_TRUE(step.outcome.is_ok()) << step.choice << ": " << step.outcome.failure;
    });
    EXPECT_EQ(std::count_if(told.begin(), told.end(), [](const std::string& choice) { return choice.starts_with("generated "); }), 3);
    EXPECT_EQ(tuned.entry.measured, measurements(ways, options.budget));
    EXPECT_TRUE(tuned.is_finished && tuned.failed == 0 && tuned.entry.median_us > 0 && tuned.entry.usual_us > 0);
    const auto known = told.size();
    (void)tune_ways(ways, options, log, [&](const TuneStep& step) { told.push_back(step.choice); });
    EXPECT_EQ(told.size(), known);  // recalled
    generating.keep(ways.generated->problem, loops_, tuned.entry);
    EXPECT_EQ(tuned.entry.kernel.has_value(), tuned.entry.implementation == kGenerated);
  }
  const auto with_expand = parse_chain("chain conv ic8ih12oc16 + conv ic16ih12oc16kh3ph1g16 + conv ic16ih12oc16");
  EXPECT_FALSE(chain_ways(with_expand, separate(with_expand), options.measure).generated.has_value());
  EXPECT_FALSE(strip_ways(kernels::parse_strip("strip mb1ic20ih12iw12 whole; Abs %0; Tanh %1"), options.measure).generated.has_value());
}

/// Whatever is wrong with a configuration, no time of it counts.
TEST_F(GeneratedKernels, ThatAreWrongAreNoCandidates) {
  const kernels::PoolProblem pool{.c = 16, .h = 12, .w = 12, .out_h = 6, .out_w = 6, .kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2};
  MeasureOptions options;
  options.trial.loops = &loops_;
  options.limits.seconds = 60;
  kernels::set_kernel_maker([this](const kernels::KernelPlan& plan) {  // of other windows, under the name of the right ones
    auto other = shifted(plan);
    const auto path = folder_ / "kernel.so";
    generate::make_kernel(other, generate::default_tools(), path);
    auto bytes = read_file(path);
    const auto right = plan.identity(), wrong = other.identity();
    bytes.replace(bytes.find(wrong), wrong.size(), right);
    return std::make_shared<const kernels::KernelObject>(bytes, "kernel.so");
  });
  const auto ways = pool_ways(pool, options);
  MeasurementLog log(folder_ / "log");
  std::string failure;
  const auto tuned = tune_ways(ways, {.budget = 1, .measure = options}, log, [&](const TuneStep& step) { failure += step.outcome.failure; });
  kernels::set_kernel_maker(nullptr);
  EXPECT_NE(failure.find("wrong by"), std::string::npos) << failure;
  EXPECT_EQ(tuned.failed, 1);
  EXPECT_EQ(tuned.entry.implementation, kLoops);
}

TEST(KernelRecords, OfOtherMachinesAndVersionsAreRefused) {
  const auto refusal = [](const KernelRecord& record) { return message_of([&] { (void)load_kernel("tuning.json", record, "x86-64-avx2"); }); };
  EXPECT_NE(refusal({std::string(64, 'a'), "arm-64-base", kernels::kKernelInterface}).find("a kernel for arm-64-base, not for x86-64-avx2"),
            std::string::npos);
  EXPECT_NE(refusal({std::string(64, 'a'), "x86-64-avx2", 99}).find("a kernel of interface 99"), std::string::npos);
}

TEST(KernelRecords, NameNoOtherFile) {  // a hash is a file's name: nothing else may be one
  for (const std::string name : {"../../evil", "", "AB"}) {
    Database database;
    database.add({kProblem.text(), "f32", "avx2", "a CPU", 1}, {"generated", {}, 1, 2, 3, "random", KernelRecord{name, "x86-64-avx2", 1}});
    const auto message = message_of([&] { (void)database_from_json(to_json(database), "a.json"); });
    EXPECT_NE(message.find("64 hexadecimal digits"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace scissionlite::tune
