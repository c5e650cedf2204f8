#include "tune/tune.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "base/test_messages.h"
#include "kernels/vector/loops.h"
#include "tune/table.h"

namespace scissionlite::tune {
namespace {

const kernels::ConvProblem kProblem{.c = 16, .h = 12, .w = 12, .k = 16, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1};

class Tuning : public testing::Test {
 protected:
  Tuning() : folder_(fs::temp_directory_path() / ("tune_test_" + std::to_string(getpid()))) {
    options_.budget = 12;
    options_.measure.trial.loops = &kernels::best_loops();
    options_.measure.trial.enough_us = 500;
  }
  ~Tuning() override { fs::remove_all(folder_); }
  /// Number of measurements that were made, not recalled.
  int64_t run(Tuned& tuned) {
    MeasurementLog log(folder_ / "log");
    int64_t steps = 0;
    tuned = tune_conv(kProblem, options_, log, [&](const TuneStep&) { ++steps; });
    return steps;
  }
  fs::path folder_;
  TuneOptions options_;
};

TEST_F(Tuning, GivesAChoiceThatTheSpaceHas) {
  for (const auto& row : searchers()) {
    options_.method = row.name;
    Tuned tuned;
    (void)run(tuned);
    EXPECT_TRUE(ConvSpace(kProblem, kernels::best_loops()).find(tuned.entry.implementation, tuned.entry.knobs).has_value());
    EXPECT_GT(tuned.entry.median_us, 0);
    EXPECT_GT(tuned.entry.usual_us, 0);
    EXPECT_EQ(tuned.key.problem, kProblem.text());
  }
}

TEST_F(Tuning, GoesOnWithoutMeasuringAgain) {
  Tuned tuned;
  EXPECT_EQ(run(tuned), 12);
  EXPECT_EQ(run(tuned), 0);
  options_.budget = 15;
  EXPECT_EQ(run(tuned), 3);
  EXPECT_EQ(tuned.entry.measured, 15);
}

TEST_F(Tuning, EndsWhenTimeIsUp) {
  options_.until_us = 1;
  Tuned tuned;
  EXPECT_EQ(run(tuned), 1);  // the usual one
  EXPECT_FALSE(tuned.is_finished);
}

TEST_F(Tuning, WholeSpacesBecomeTablesOnWhichSearchesAreReplayed) {
  const kernels::ConvProblem small{.c = 16, .h = 4, .w = 4, .k = 16};
  MeasurementLog log(folder_ / "log");
  measure_space(small, options_.measure, 2, log);
  Table table;
  table.layers.push_back(table_layer(small, options_.measure, log));
  const auto& layer = table.layers[0];
  const auto times = static_cast<int64_t>(layer.us.size()) - std::count(layer.us.begin(), layer.us.end(), 0.0);
  EXPECT_EQ(log.of(layer.key).size(), 2 * times);
  EXPECT_EQ(to_json(table_from_json(to_json(table), "table")), to_json(table));
  for (const auto& row : searchers()) {
    const auto needed = measurements_needed(layer, row.name, 1, 0.95);
    EXPECT_GE(needed, 1);
    EXPECT_LE(needed, times);
  }
}

TEST(Tables, ThatAreNoneAreRefused) {
  const auto table = [](const std::string& gaps, const std::string& us) {
    return Json{{"schema", "scissionlite.tuning_table/2"},
                {"layers",
                 {{{"problem", "conv"},
                   {"dtype", "f32"},
                   {"isa", "avx2"},
                   {"cpu", "c"},
                   {"threads", 1},
                   {"dimensions", {{{"name", "implementation"}, {"values", {0, 1, 2}}, {"of", -1}}}},
                   {"gaps", gaps},
                   {"us", us}}}}};
  };
  const auto refusal = [&](const std::string& gaps, const std::string& us) {
    return message_of([&] { (void)table_from_json(table(gaps, us), "t.json"); });
  };
  EXPECT_EQ(table_from_json(table("1 2", "5 6.5"), "t.json").layers[0].us, (std::vector<double>{5, 0, 6.5}));
  EXPECT_NE(refusal("1 2", "5").find("one time for each of the 2 gaps"), std::string::npos);
  EXPECT_NE(refusal("2 2", "5 6").find("their sum at most the 3 configurations"), std::string::npos);
  EXPECT_NE(refusal("0 1", "5 6").find("whole numbers from 1"), std::string::npos);
  EXPECT_NE(refusal("1 x", "5 6").find("numbers with spaces between"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::tune
