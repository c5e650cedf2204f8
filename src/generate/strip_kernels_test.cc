// Generated strips against the reference code of src/ops.
#include "base/test_messages.h"
#include "generate/test_kernels.h"
#include "kernels/conv/panels.h"
#include "kernels/generated/strip_kernel.h"
#include "kernels/layout.h"
#include "ops/strip.h"

namespace scissionlite::generate {
namespace {

using kernels::Second;
using kernels::StripProblem;

Shape shape_of(const StripProblem& p, const StripProblem::Operand& operand) {
  const int64_t n = operand.is_own ? p.n : 1;
  switch (operand.second) {
    case Second::kWhole: return {p.n, p.c, p.h, p.w};
    case Second::kOne: return {n, 1, 1, 1};
    case Second::kPerChannel: return {n, p.c, 1, 1};
    case Second::kPerPixel: return {n, 1, p.h, p.w};
  }
  return {};
}

Tensor expected(const StripProblem& p, const std::vector<Tensor>& inputs) {
  Graph graph;
  graph.opsets = {{"", 19}, {ops::kFusedDomain, 1}};
  Node node;
  node.outputs = {"y"};
  for (size_t i = 0; i < inputs.size(); ++i) node.inputs.push_back("x" + std::to_string(i));
  ops::write_strip(node, p.program);
  return ops::run_node(graph, node, inputs)[0];
}

/// The result of a strip; zones around y must stay as they are, and lanes without a channel be finite.
Tensor result_of(const StripProblem& p, const std::vector<Tensor>& inputs, const kernels::Strip& strip, const kernels::VectorLoops& loops,
                 int threads) {
  const int64_t lanes = loops.lanes, pixels = p.h * p.w, floats = p.n * kernels::round_up(p.c, lanes) * pixels;
  std::vector<std::vector<float>> blocked;
  std::vector<const float*> pointers;
  for (size_t i = 0; i < inputs.size(); ++i) {
    pointers.push_back(inputs[i].as<float>().data());
    if (p.operands[i].second != Second::kWhole) continue;
    blocked.emplace_back(static_cast<size_t>(floats));
    kernels::to_blocked(pointers[i], blocked.back().data(), p.n, p.c, pixels, lanes);
    pointers[i] = blocked.back().data();
  }
  std::vector<float> y(static_cast<size_t>(floats) + 2 * kZone, kUntouched), scratch(static_cast<size_t>(strip.scratch_floats()));
  strip.run(pointers.data(), y.data() + kZone, scratch.data(), threads);
  for (size_t i = 0; i < kZone; ++i) EXPECT_TRUE(y[i] == kUntouched && y[y.size() - 1 - i] == kUntouched);
  const int64_t blocks = kernels::blocks_of(p.c, lanes);
  for (int64_t i = 0; i < floats; ++i)
    EXPECT_TRUE(i / (pixels * lanes) % blocks * lanes + i % lanes < p.c || std::isfinite(y[kZone + static_cast<size_t>(i)])) << p.text();
  Tensor got(Dtype::kF32, {p.n, p.c, p.h, p.w});
  kernels::to_plain(y.data() + kZone, got.mutable_as<float>().data(), p.n, p.c, pixels, lanes);
  return got;
}

/// Whether it ends with a division, which makes the sign of a zero that of an infinity. No operator says which of -0 and 0 is the larger one.
bool divides_last(const StripProblem& p) { return p.program.steps.back().op == "Div" || p.program.steps.back().op == "Reciprocal"; }

/// Values that differ, -0 and 0 not, all that is no number alike. @param most  relative; 0: every bit. @param zeros_divide  infinities of both signs
/// are alike too.
int64_t different(const Tensor& got, const Tensor& right, float most, bool zeros_divide) {
  int64_t count = 0;
  for (size_t i = 0; i < got.as<float>().size(); ++i) {
    const float a = got.as<float>()[i], b = right.as<float>()[i];
    count += !(a == b || (std::isnan(a) && std::isnan(b)) || (zeros_divide && std::isinf(a) && std::isinf(b)) ||
               std::abs(a - b) <= most * std::max(1.F, std::abs(b)));
  }
  return count;
}

class Strips : public Kernels {
 protected:
  /// The generated kernel and the loops that it competes with.
  void check(const StripProblem& p, const kernels::Knobs& knobs, int threads, const kernels::VectorLoops& loops = kernels::best_loops()) const {
    ASSERT_EQ(kernels::parse_strip(p.text()), p) << p.text();
    const bool has_slope = std::any_of(p.program.steps.begin(), p.program.steps.end(),
                                       [](const auto& step) { return step.op == "HardSigmoid" || step.op == "HardSwish"; });
    Rng rng(9);
    std::vector<Tensor> inputs;
    for (const auto& operand : p.operands) {
      inputs.push_back(random_tensor(rng, shape_of(p, operand)));
      for (float& v : inputs.back().mutable_as<float>()) {
        v *= 4;
        // One value for all channels reaches those that only fill a block, too, which have to stay finite.
        const size_t left_out = operand.second == Second::kPerPixel || operand.second == Second::kOne ? kNotFinite : has_slope ? 1 : 0;
        if (rng.below(40) == 0) v = kSpecial[rng.below(std::size(kSpecial) - left_out)];
      }
    }
    kernels::KernelPlan plan{p.text(), kernels::kernel_kind_of(p.text()).usual(p.text(), loops.lanes), kernels::target_of(loops)};
    for (const auto& [name, value] : knobs) plan.knobs[name] = value;
    ASSERT_EQ(plan.reason_against(), "") << plan.identity();
    const float most = has_slope ? 1e-5F : 0;  // 1 / 6 and the order of rounding; own loops multiply and add in one
    const auto right = expected(p, inputs);
    EXPECT_EQ(different(result_of(p, inputs, *kernels::make_generated_strip(p, plan.knobs, made(plan), loops), loops, threads), right, most,
                        divides_last(p)),
              0)
        << plan.identity();
    EXPECT_EQ(different(result_of(p, inputs, *kernels::make_strip(p.program, kernels::joined_walk(p, loops.lanes), loops, threads), loops, threads),
                        right, most, divides_last(p)),
              0)
        << p.text();
  }

 private:
  static constexpr size_t kNotFinite = 2;  // at the end
  static constexpr float kSpecial[] = {
      0.F,
      -0.F,
      0.5F,
      1.5F,
      -2.5F,
      8388609.F,
      -0.3F,
      std::numeric_limits<float>::infinity(),
      std::numeric_limits<float>::quiet_NaN()};  // the last one is 0 to the reference's HardSwish, and none to own loops
};

TEST_F(Strips, ComputeWhatTheirOperatorsSay) {
  check(kernels::parse_strip("strip mb1ic32ih13iw7 whole one one; Mul %0 %1; Add %3 %2; Floor %4; Clip %5 0 255"), {{"values", 4096}}, 2);
  check(kernels::parse_strip(
            "strip mb2ic19ih5iw7 whole channel own-channel pixel own-pixel own-one; Mul %0 %1; Sub %2 %6; Max %7 %3; Min %4 %8; Div %9 %5; Relu %10"),
        {{"vectors", 8}}, 1);
  check(kernels::parse_strip("strip mb1ic40ih40iw40 whole; Add %0 %0; HardSwish %1; LeakyRelu %2 0.1; HardSigmoid %3 0.2 0.5; Neg %4"),
        {{"values", 4096}, {"vectors", 2}}, 3);
  check(kernels::parse_strip("strip mb2ic21ih3iw3 whole whole; Abs %0; Sqrt %2; Reciprocal %3; Div %1 %4; Ceil %5; Round %0; Min %6 %7; Sub %8 %1"),
        {}, 2);
  check(kernels::parse_strip("strip mb1ic5ih1iw1 whole channel; Div %1 %0; Abs %2"), {}, 1);
}

TEST_F(Strips, OfAnyInstructionSet) {
  for (const auto* loops : kernels::all_loops())
    check(kernels::parse_strip("strip mb1ic21ih6iw5 whole channel; Mul %0 %1; Floor %0; Ceil %2; Add %3 %4; Round %2; Sub %5 %6; Sqrt %7; Max %8 %0"),
          {}, 1, *loops);
}

TEST_F(Strips, OfRandomProgramsToo) {
  Rng rng(static_cast<uint64_t>(getpid()));
  RecordProperty("seed", getpid());
  const char *binary[] = {"Add", "Sub", "Mul", "Min", "Max", "Div"},
             *unary[] = {"Floor", "Ceil", "Round", "Neg", "Abs", "Sqrt", "Relu", "Reciprocal"};
  const auto some = [&](int64_t least, uint64_t count) { return least + static_cast<int64_t>(rng.below(count)); };
  for (int i = 0; i < random_cases(); ++i) {
    StripProblem p{.n = some(1, 3), .c = some(1, 40), .h = some(1, 12), .w = some(1, 12), .operands = {{}}, .program = {}};
    for (int64_t more = some(0, 4); more > 0; --more) {
      const auto second = static_cast<Second>(rng.below(4));
      p.operands.push_back({second, second != Second::kWhole && p.n > 1 && rng.below(2) == 0});
    }
    p.program.inputs = static_cast<int>(p.operands.size());
    for (int64_t s = 0, steps = some(1, 9); s < steps; ++s) {
      const int made = s == 0 ? 0 : p.program.value_of(static_cast<size_t>(s) - 1),
                any = static_cast<int>(rng.below(static_cast<uint64_t>(p.program.value_of(static_cast<size_t>(s)))));
      const size_t no_division = s + 1 == steps ? 0 : 1;  // see divides_last
      if (rng.below(3) == 0) p.program.steps.push_back({unary[rng.below(std::size(unary) - no_division)], {made}});
      else if (rng.below(6) == 0) p.program.steps.push_back({"Clip", {made}, {-1.25F, 2}});
      else if (rng.below(2) == 0) p.program.steps.push_back({binary[rng.below(std::size(binary) - no_division)], {made, any}});
      else p.program.steps.push_back({binary[rng.below(std::size(binary) - no_division)], {any, made}});
    }
    check(p, {{"values", 4096}}, 1 + static_cast<int>(rng.below(3)));
  }
}

TEST_F(Strips, OfOtherPlansAreRefused) {
  const auto p = kernels::parse_strip("strip mb1ic8ih4iw4 whole; Abs %0; Neg %1");
  const auto kernel = made(plan_of(p.text(), {{"vectors", 1}}));
  EXPECT_NE(message_of([&] {
              (void)kernels::make_generated_strip(p, plan_of(p.text(), {{"vectors", 2}}).knobs, kernel, kernels::best_loops());
            }).find("was expected"),
            std::string::npos);
}

std::string reason_against(const std::string& problem) { return kernels::kernel_kind_of(problem).reason_against(problem); }

TEST(StripPlans, SayWhyTheyAreInvalid) {
  const std::string whole = "strip mb1ic8ih4iw4 whole";
  for (const std::string op : {"Sigmoid", "Swish", "Tanh", "Elu"})
    EXPECT_NE(reason_against(whole + "; Abs %0; " + op + (op == "Elu" ? " %1 1" : " %1")).find(op + " needs an exponential function"),
              std::string::npos)
        << op;
  EXPECT_NE(reason_against(whole + "; HardSwish %0; Abs %1; Floor %2").find("rounding behind HardSigmoid or HardSwish"), std::string::npos);
  EXPECT_EQ(reason_against(whole + "; Floor %0; HardSwish %1"), "");
  std::string many = "strip mb1ic8ih4iw4", squares = whole;
  for (int i = 0; i < 9; ++i) many += " whole";
  for (int i = 0; i < 8; ++i) squares += "; Mul %" + std::to_string(i) + " %" + std::to_string(i);
  EXPECT_NE(reason_against(many + "; Add %0 %8").find("9 operands, but 8 are the most"), std::string::npos);
  EXPECT_EQ(reason_against(squares), "");
  EXPECT_NE(reason_against(squares + "; Add %8 %8").find("its steps are 511 operations"), std::string::npos)
      << reason_against(squares + "; Add %8 %8");
  auto plan = plan_of(whole + "; Abs %0; Neg %1");
  EXPECT_EQ(plan.reason_against(), "");
  plan.knobs["vectors"] = 3;
  EXPECT_NE(plan.reason_against().find("knob vectors=3 is not a value"), std::string::npos);
  plan.knobs.erase("values");
  plan.knobs["vectors"] = 2;
  EXPECT_EQ(plan.reason_against(), "knob 'values' is missing");
}

TEST(StripProblems, SayWhatIsWrongWithATextThatIsNone) {
  const auto message = [](const std::string& text) { return message_of([&] { (void)kernels::parse_strip(text); }); };
  EXPECT_NE(message("strip mb1ic8ih4iw4 whole half; Add %0 %1").find("no operand is read as 'half'"), std::string::npos);
  EXPECT_NE(message("strip mb1ic8ih4iw4 own-whole; Abs %0").find("no operand is read as 'own-whole'"), std::string::npos);
  EXPECT_NE(message("strip mb1ic8ih4iw4 whole; Abs %1").find("step 'Abs %1': values before it are %0 to %0"), std::string::npos);
  EXPECT_NE(message("strip mb1ic8ih4iw4 whole; Cube %0").find("no step can be 'Cube'"), std::string::npos);
  EXPECT_NE(message("strip mb1ic8ih4iw4 whole").find("it has no steps"), std::string::npos);
  EXPECT_NE(message("strip mb1ic0ih4 whole; Abs %0").find("sizes begin at 1"), std::string::npos);
  EXPECT_NE(message("strip mb1ic8ih4iw4 whole one one; Mul %1 %2; Add %0 %3").find("no operand with a value for each"), std::string::npos);
  EXPECT_NE(message("strip mb1zz8 whole; Abs %0").find("unknown field 'zz'"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::generate
