#include "tune/measure.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>

#include "base/clock.h"
#include "kernels/vector/loops.h"

namespace scissionlite::tune {
namespace {

using namespace kernels;  // NOLINT: a test

const ConvProblem kProblem{.c = 16, .h = 9, .w = 9, .k = 24, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1};

/// `direct`, with something wrong where its knob says so.
class Faulty final : public Convolution {
 public:
  enum Fault : int64_t { kNone, kHangs, kCrashes, kIsWrong, kTakesAllMemory, kExits, kThrows };
  Faulty(std::unique_ptr<Convolution> good, int64_t fault) : good_(std::move(good)), fault_(fault) {}
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return good_->scratch_floats(threads); }
  [[nodiscard]] int64_t packed_bytes() const override { return 0; }
  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    if (fault_ == kHangs)
      while (true) Clock::steady().sleep_us(1e5);
    if (fault_ == kCrashes) raise(SIGSEGV);
    if (fault_ == kTakesAllMemory) memory_.resize(size_t{1} << 40, 1);
    if (fault_ == kExits) _exit(3);
    if (fault_ == kThrows) throw Unsupported("not today");
    good_->run(x, residual, y, scratch, threads);
    if (fault_ == kIsWrong) y[5] += 1;
  }

 private:
  std::unique_ptr<Convolution> good_;
  int64_t fault_;
  mutable std::vector<char> memory_;
};

const ConvImplementation kFaulty{
    "faulty",
    "",
    [](const ConvProblem&, const VectorLoops&) { return std::string(); },
    [](const ConvProblem&, const VectorLoops&) {
      return std::vector<KnobRange>{{"fault", {0, 1, 2, 3, 4, 5, 6}}};
    },
    [](const ConvProblem&, const VectorLoops&) {
      return Knobs{{"fault", 0}};
    },
    [](const ConvProblem&, const VectorLoops&, const Knobs&) { return 1.0; },
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      const auto& direct = conv_implementation("direct");
      return std::make_unique<Faulty>(direct.make(p, w, end, direct.usual(p, loops), loops), knobs.at("fault"));
    }};

MeasureOptions quick() {
  MeasureOptions options;
  options.trial.loops = &best_loops();
  options.limits.seconds = 0.5;
  options.limits.memory_bytes = int64_t{1} << 30;
  return options;
}

TEST(Measurers, TimeWhatIsRight) {
  Measurer measurer(kProblem, quick());
  for (const auto* row : conv_implementations()) {
    if (!row->reason_against(kProblem, best_loops()).empty()) continue;
    const auto outcome = measurer.measure({row, row->usual(kProblem, best_loops())});
    EXPECT_EQ(outcome.failure, "") << row->name;
    EXPECT_GT(outcome.median_us, 0);
  }
}

TEST(Measurers, fault_43_SayWhatWentWrongAndGoOn) {
  Measurer measurer(kProblem, quick());
  const std::pair<Faulty::Fault, std::string> expected[] = {{Faulty::kHangs, "no answer within 0.5 s"},
                                                            {Faulty::kCrashes, "crash by signal 11 (Segmentation fault)"},
                                                            {Faulty::kIsWrong, "wrong by "},
                                                            {Faulty::kExits, "ended with exit status 3"},
                                                            {Faulty::kThrows, "not today"},
#ifndef SCISSIONLITE_SANITIZED  // which end the process
                                                            {Faulty::kTakesAllMemory, "std::bad_alloc"}
#endif
  };
  for (const auto& [fault, text] : expected) {
    const auto outcome = measurer.measure({&kFaulty, {{"fault", fault}}});
    EXPECT_NE(outcome.failure.find(text), std::string::npos) << outcome.failure << ", expected " << text;
    EXPECT_EQ(measurer.measure({&kFaulty, {{"fault", Faulty::kNone}}}).failure, "");
  }
}

TEST(Children, ServeManyQuestionsAndAreReplacedWhenTheyDie) {
  Child child(
      [] {
        return [n = 0](const std::string& question) mutable {
          if (question == "die") raise(SIGKILL);
          return question + std::to_string(++n);
        };
      },
      {});
  EXPECT_EQ(child.ask("a").answer, "a1");
  EXPECT_EQ(child.ask("b").answer, "b2");
  EXPECT_EQ(child.starts(), 1);
  EXPECT_EQ(child.ask("die").failure, "crash by signal 9 (Killed)");
  EXPECT_EQ(child.ask("c").answer, "c1");
  EXPECT_EQ(child.starts(), 2);
}

}  // namespace
}  // namespace scissionlite::tune
